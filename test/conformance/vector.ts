// Owns what a conformance vector is: what a peer sends, what the endpoint must then tell and send. Plain data, so
// that the same vectors can be replayed on a Protocol and over sockets.
import type { ErrorCode } from '../../src/core/errors.js'
import type { Limits } from '../../src/core/limits.js'
import type { Role } from '../../src/core/terms.js'
import { type FrameSpec, toHex, utf8, type WrittenFrame } from './wire.js'

/** One step of a vector: a frame or raw bytes from the peer, or a call by the endpoint's application. */
export type Step =
  | FrameSpec
  | { readonly raw: Uint8Array }
  | { readonly close: readonly [code?: number, reason?: string] }
  | { readonly ping: Uint8Array }

/** What the endpoint tells its application; bytes are hex digits. */
export type Event =
  | readonly ['text', string]
  | readonly ['binary', string]
  | readonly ['ping', string]
  | readonly ['pong', string, 'answer' | 'unsolicited']
  | readonly ['error', ErrorCode]
  /** The endpoint has sent its last byte. */
  | readonly ['finish']

/** How a connection ended, once the transport is gone. */
export interface Ending {
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
  readonly initiator: 'local' | 'remote'
  /** Code of the error that explains an unclean end. */
  readonly cause: ErrorCode | null
}

/** One case of the conformance suite. */
export interface Vector {
  /** Begins with the section of RFC 6455. */
  readonly name: string
  /** Which endpoints it is for. Default: both. */
  readonly roles?: readonly Role[]
  readonly limits?: Partial<Limits>
  readonly steps: readonly Step[]
  /** All events, in order. */
  readonly events: readonly Event[]
  /** All frames sent, in order. */
  readonly sends: readonly WrittenFrame[]
  readonly end: Ending
}

const EMPTY = new Uint8Array(0)

/** A text frame. */
export const text = (content: string | Uint8Array, more: Partial<FrameSpec> = {}): FrameSpec => ({
  opcode: 1,
  payload: typeof content === 'string' ? utf8(content) : content,
  ...more
})
/** A binary frame. */
export const binary = (payload: Uint8Array, more: Partial<FrameSpec> = {}): FrameSpec => ({
  opcode: 2,
  payload,
  ...more
})
/** A continuation frame. */
export const more = (content: string | Uint8Array, options: Partial<FrameSpec> = {}): FrameSpec => ({
  ...text(content, options),
  opcode: 0
})
/** A close frame; without a code it is empty. */
export const close = (code?: number, reason: string | Uint8Array = ''): FrameSpec => ({
  opcode: 8,
  payload: closePayload(code, reason)
})
/** A ping. */
export const ping = (payload: Uint8Array = EMPTY, options: Partial<FrameSpec> = {}): FrameSpec => ({
  opcode: 9,
  payload,
  ...options
})
/** A pong. */
export const pong = (payload: Uint8Array = EMPTY, options: Partial<FrameSpec> = {}): FrameSpec => ({
  opcode: 10,
  payload,
  ...options
})

/** A close frame as the endpoint writes it. */
export const sentClose = (code?: number, reason = ''): WrittenFrame => [
  '88',
  toHex(closePayload(code, reason))
]
/** A pong as the endpoint writes it. */
export const sentPong = (payload: Uint8Array): WrittenFrame => ['8a', toHex(payload)]

/** The end of a connection whose transport was cut while it was open. */
export const LOST: Ending = {
  code: 1006,
  reason: '',
  wasClean: false,
  initiator: 'remote',
  cause: 'connection-lost'
}

/** The whole closing handshake that the peer begins with that close frame at the end of the steps. */
export function closedByPeer(
  code?: number,
  reason = ''
): Pick<Vector, 'sends' | 'end'> & { events: Event[] } {
  return {
    events: [['finish']],
    sends: [sentClose(code)],
    end: { code: code ?? 1005, reason, wasClean: true, initiator: 'remote', cause: null }
  }
}

/** What must come of a violation, after `before`. */
export function fails(
  error: ErrorCode,
  closeCode: number,
  before: { events?: readonly Event[]; sends?: readonly WrittenFrame[] } = {}
): Pick<Vector, 'events' | 'sends' | 'end'> {
  return {
    events: [...(before.events ?? []), ['error', error], ['finish']],
    sends: [...(before.sends ?? []), sentClose(closeCode)],
    end: { code: 1006, reason: '', wasClean: false, initiator: 'local', cause: error }
  }
}

function closePayload(code: number | undefined, reason: string | Uint8Array): Uint8Array {
  if (code === undefined) return EMPTY
  const bytes = typeof reason === 'string' ? utf8(reason) : reason
  return Uint8Array.of(code >> 8, code & 0xff, ...bytes)
}
