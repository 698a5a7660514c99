// Owns the way between a hub and its members: ports of threads, and the channels of child processes. Must not know what is said.
import type { MessagePort } from 'node:worker_threads'

/** A child process as the hub sees it, e.g. a worker of `node:cluster`; or, in the child, `process`. */
export interface HubProcess {
  send?(message: unknown, callback: (error: Error | null) => void): unknown
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown
}

/** What a member has of a hub. */
export type HubPort = MessagePort | HubProcess

/** What members and hubs tell each other. Bytes are never changed afterwards. */
export type HubMessage =
  | {
      readonly type: 'publish'
      readonly items: readonly { readonly channel: string; readonly bytes: Uint8Array }[]
    }
  | { readonly type: 'deliver'; readonly items: readonly Uint8Array[] }
  /** Of what was delivered so many bytes have been taken. */
  | { readonly type: 'taken'; readonly byteLength: number }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly filters: readonly string[] }
  | { readonly type: 'flush' | 'flushed'; readonly number: number }

/** One end of the way. */
export interface Wire {
  send(message: HubMessage): void
  /** `onclose`: the other end is gone. Called once, before all else. */
  start(onmessage: (message: HubMessage) => void, onclose: () => void): void
  close(): void
}

/** Makes a wire of a port, or of a process. */
export function wirePort(port: HubPort): Wire {
  return 'postMessage' in port ? new PortWire(port) : new ProcessWire(port)
}

class PortWire implements Wire {
  readonly #port: MessagePort

  constructor(port: MessagePort) {
    this.#port = port
  }

  send(message: HubMessage): void {
    this.#port.postMessage(message)
  }

  start(onmessage: (message: HubMessage) => void, onclose: () => void): void {
    this.#port.on('message', onmessage).on('close', onclose)
    // What keeps a process alive are its servers.
    this.#port.unref()
  }

  close(): void {
    this.#port.close()
  }
}

/** Tells our messages from the application's. */
const MARK = 'hotsocket:hub'

/** By strings: how a process serializes is up to the application, and by default its channel is JSON. */
class ProcessWire implements Wire {
  readonly #process: HubProcess
  #stop: (() => void) | null = null

  constructor(process: HubProcess) {
    this.#process = process
  }

  send(message: HubMessage): void {
    // Without a callback a closed channel would be an event 'error'; 'disconnect' tells anyway.
    this.#process.send?.({ [MARK]: JSON.stringify(message, writeBytes) }, () => {})
  }

  start(onmessage: (message: HubMessage) => void, onclose: () => void): void {
    const listener = (message: unknown) => {
      const text = (message as { [MARK]?: unknown } | null)?.[MARK]
      if (typeof text === 'string') onmessage(JSON.parse(text, readBytes) as HubMessage)
    }
    this.#process.on('message', listener)
    this.#process.on('disconnect', onclose)
    this.#stop = () => {
      this.#process.off('message', listener)
      this.#process.off('disconnect', onclose)
    }
  }

  close(): void {
    this.#stop?.()
  }
}

function writeBytes(this: unknown, key: string, value: unknown): unknown {
  // A Buffer's own toJSON was called already.
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? { base64: Buffer.from(original).toString('base64') } : value
}

function readBytes(_key: string, value: unknown): unknown {
  const base64 = (value as { base64?: unknown } | null)?.base64
  return typeof base64 === 'string' ? exact(Buffer.from(base64, 'base64')) : value
}

/** Bytes with a buffer of their own: a port would send the whole one. */
export function exact(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength === bytes.length ? bytes : Uint8Array.from(bytes)
}
