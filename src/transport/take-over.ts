// Owns the one place that reaches into sockets and servers of Node.js for their descriptors. Must not know the engine.
// Node.js has no public way to give a descriptor away; where what is used here is missing, the stream serves.
import cluster from 'node:cluster'
import { type Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** A socket that can be taken over. */
export interface Takeable {
  readonly descriptor: number
  /** The descriptor is a duplicate already, which the taker closes; otherwise it is the socket's own. */
  readonly isOwned: boolean
  /** What Node.js had read of it. */
  readonly head: readonly Uint8Array[]
}

/** A socket's handle: Node.js has `fd` and `readStop`, Bun `fd` and `pause`, Deno `readStop` and `fdForIpc`, which duplicates. */
interface Handle {
  readonly fd?: number
  fdForIpc?(): number
  reading?: boolean
  readStop?(): void
  pause?(): void
  close?(): void
  hasRef?(): boolean
  onread?: unknown
}

/**
 * Stops Node.js from reading a plain TCP or unix socket, and returns what it had read, with the descriptor. Duplicate that
 * and then destroy the socket: no FIN goes out, since the duplicate is open. Returns null for everything else: TLS, other streams, a
 * socket with unsent bytes.
 */
export function takeOver(stream: Duplex): Takeable | null {
  if (!(stream instanceof Socket) || 'encrypted' in stream) return null
  if (stream.destroyed || stream.writableLength > 0 || stream.readableEnded) return null
  const handle = (stream as unknown as { _handle?: Handle | null })._handle
  const stop = handle?.readStop ?? handle?.pause
  if (handle == null || stop === undefined) return null
  const isOwned = handle.fd === undefined
  const descriptor = handle.fd ?? handle.fdForIpc?.() ?? -1
  if (descriptor < 0) return null
  // As Node.js itself stops: the stream could begin to read again.
  if (handle.reading !== undefined) handle.reading = false
  stop.call(handle)
  const head: Uint8Array[] = []
  for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null)
    head.push(chunk)
  return { descriptor, isOwned, head }
}

/** What has the descriptor now, among many. */
interface Holder {
  /** Has the process wait for the end of a connection, or not. */
  setReferenced(slot: number, generation: number, isReferenced: boolean): void
}

/** What a socket has that has lost its handle. */
interface Shell {
  _handle?: Handle | null
  /** What `localAddress` and the like are read from. */
  _getsockname(): object
  ownAddress: object
  setTimeout(): unknown
  _final(done: () => void): void
  holder: Holder
  slot: number
  generation: number
  ref(): unknown
  unref(): unknown
}

// One function for all shells: closures would cost each of them memory.
function ownAddressOf(this: Shell): object {
  return this.ownAddress
}

function setNoTimeout(this: Shell): Shell {
  return this
}

/** That of Node.js would wait for a handle. */
function finishAtOnce(done: () => void): void {
  done()
}

function destroyShell(this: Socket): void {
  this.destroy()
}

function referShell(this: Shell): Shell {
  this.holder.setReferenced(this.slot, this.generation, true)
  return this
}

function unreferShell(this: Shell): Shell {
  this.holder.setReferenced(this.slot, this.generation, false)
  return this
}

function ignore(): void {}

/**
 * Closes the handle of a socket whose descriptor was taken over and duplicated. The socket itself stays as it is, with its addresses,
 * and counts for its server until somebody destroys it, which `end` does, too; nothing can be read from it or written to it, and
 * since it sees no traffic, it has no timeout; `ref` and `unref` go to `holder`. Where handles are not what they are in Node.js it
 * is destroyed.
 */
export function letGo(stream: Duplex, holder: Holder, slot: number, generation: number): void {
  const socket = stream as Socket
  const shell = socket as unknown as Shell
  const handle = shell._handle
  if (
    handle?.close === undefined ||
    process.versions.bun !== undefined ||
    process.versions.deno !== undefined
  ) {
    socket.destroy()
    return
  }
  if (handle.hasRef?.() === false) holder.setReferenced(slot, generation, false)
  // Asked for as long as there is a handle, the peer's is remembered; our own is not.
  void socket.remoteAddress
  shell.ownAddress = { ...shell._getsockname() }
  shell._getsockname = ownAddressOf
  shell.setTimeout = setNoTimeout
  shell._final = finishAtOnce
  shell.holder = holder
  shell.slot = slot
  shell.generation = generation
  shell.ref = referShell
  shell.unref = unreferShell
  socket.on('finish', destroyShell)
  handle.onread = ignore
  handle.close()
  shell._handle = null
}

/**
 * The descriptor of a server that listens; duplicate it and then close the server. Returns null where there is none to be
 * had: at a path, which Node.js removes when it closes, in a worker of node:cluster, which shares its descriptors.
 */
export function listeningDescriptor(server: Server): number | null {
  const address = server.address()
  if (address === null || typeof address === 'string' || cluster.isWorker) return null
  const handle = (server as unknown as { _handle?: Handle | null })._handle
  const descriptor = handle?.fd ?? -1
  return descriptor < 0 ? null : descriptor
}
