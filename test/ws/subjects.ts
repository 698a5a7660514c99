// Owns what the suites of this folder run on: the package `ws`, which proves each expectation right, and what stands in for
// it. Must not know the suites.
import { createRequire } from 'node:module'
import type { Duplex, Writable } from 'node:stream'
import type * as Ws from 'ws'
import * as ws from 'ws'
import * as facade from '../../src/ws/index.js'
import { 'module.exports' as required } from '../../src/ws/index.js'

/** How `Sender.frame` is asked to write a frame. */
export interface FrameRequest {
  readonly opcode: number
  readonly fin?: boolean
  readonly rsv1?: boolean
  readonly mask?: boolean
  readonly readOnly?: boolean
  readonly generateMask?: (key: Buffer) => void
}

/** The part of `Sender` that programs outside ws use. */
export interface SenderClass {
  new (socket: Duplex, extensions?: object, generateMask?: (key: Buffer) => void): object
  frame(data: Buffer | string, options: FrameRequest): (Buffer | string)[]
}

/** The part of `Receiver` that programs outside ws use. */
export type ReceiverClass = new (options?: {
  isServer?: boolean
  binaryType?: string
  maxPayload?: number
  skipUTF8Validation?: boolean
}) => Writable

/** What the package `ws` exports. */
export interface WsModule {
  readonly WebSocket: typeof Ws.WebSocket
  readonly WebSocketServer: typeof Ws.WebSocketServer
  readonly createWebSocketStream: typeof Ws.createWebSocketStream
  readonly Receiver: ReceiverClass
  readonly Sender: SenderClass
  readonly default: typeof Ws.WebSocket
}

/** One implementation of what `ws` documents. */
export interface Subject extends WsModule {
  readonly name: string
  /** What `require` gives. */
  readonly required: unknown
}

const require = createRequire(import.meta.url)

/** The package `ws` itself. */
export const original: Subject = { name: 'ws', required: require('ws'), ...(ws as unknown as WsModule) }

const standIn: Subject = {
  name: 'hotsocket/ws',
  required: required,
  ...(facade as unknown as WsModule)
}

/** `ws` does not depend on a tier: it takes part once. */
export const subjects: readonly Subject[] =
  process.env.HOTSOCKET_TIER === 'js' ? [original, standIn] : [standIn]
