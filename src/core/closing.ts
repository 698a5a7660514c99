// Owns the closing handshake: its codes, the payload of close frames, and the states as a table (RFC 6455 §5.5.1, §7).
import { type ViolationCode, WebSocketError } from './errors.js'
import { MAX_CONTROL_BYTES } from './header.js'

/** Close codes. Source: RFC 6455 §7.4.1 and the registry it opens (1012-1014). */
export const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  PROTOCOL_ERROR: 1002,
  UNSUPPORTED_DATA: 1003,
  /** Never on the wire: the close frame carried no code. */
  NO_STATUS: 1005,
  /** Never on the wire: the connection ended without a close frame. */
  ABNORMAL: 1006,
  INVALID_PAYLOAD: 1007,
  POLICY_VIOLATION: 1008,
  MESSAGE_TOO_BIG: 1009,
  MANDATORY_EXTENSION: 1010,
  INTERNAL_ERROR: 1011,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_GATEWAY: 1014,
  /** Never on the wire: the TLS handshake failed. */
  TLS_HANDSHAKE: 1015
} as const

/** Whether a close frame may carry that code. Source: RFC 6455 §7.4. */
export function canSendCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false
  if (code >= 3000 && code <= 4999) return true
  return (
    code >= 1000 &&
    code <= 1014 &&
    code !== 1004 &&
    code !== CloseCode.NO_STATUS &&
    code !== CloseCode.ABNORMAL
  )
}

/** A close frame's content. `code` is 1005 if it carries none. */
export interface CloseStatus {
  readonly code: number
  readonly reason: string
}

/** What is known of a connection's end. */
export interface CloseDetails extends CloseStatus {
  /** Both sides sent a close frame, and the kernel has ours with all that was queued before it. */
  readonly wasClean: boolean
  /** Whose close frame (or whose failure) came first. */
  readonly initiator: 'local' | 'remote'
  /** Why the end was not clean; null if it was. */
  readonly cause: WebSocketError | null
}

/** How far the end of a connection has come; there is none as long as it is open. */
export interface Ending {
  state: ClosingState
  /** Who began. */
  readonly initiator: 'local' | 'remote'
  received: CloseStatus | null
  cause: WebSocketError | null
  /** Messages were given up, so that the end is not clean. */
  hasLost: boolean
}

/** Reads a close frame's payload, or tells the rule it breaks. Source: RFC 6455 §5.5.1, §7.1.6. */
export function readClose(payload: Uint8Array): CloseStatus | ViolationCode {
  if (payload.length === 0) return { code: CloseCode.NO_STATUS, reason: '' }
  if (payload.length === 1) return 'close-payload'
  const code = (payload[0]! << 8) | payload[1]!
  if (!canSendCloseCode(code)) return 'close-code'
  try {
    return { code, reason: strictUtf8.decode(payload.subarray(2)) }
  } catch (error) {
    // A fatal TextDecoder throws TypeError on malformed bytes, and nothing else.
    if (error instanceof TypeError) return 'close-reason'
    throw error
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const utf8 = new TextEncoder()

/**
 * Encodes a close frame's payload; without a code it is empty. Throws WebSocketError 'invalid-argument' for a code
 * that must not be sent, a reason that is no string or longer than 123 bytes, or a reason without a code.
 */
export function encodeClose(code?: number, reason = ''): Uint8Array {
  if (typeof reason !== 'string') {
    throw new WebSocketError('invalid-argument', {
      detail: `a close reason is a string, not ${typeof reason}`
    })
  }
  if (code === undefined) {
    if (reason !== '') {
      throw new WebSocketError('invalid-argument', {
        detail: 'a close reason needs a code; pass 1000 for a normal end'
      })
    }
    return new Uint8Array(0)
  }
  if (!canSendCloseCode(code)) {
    throw new WebSocketError('invalid-argument', {
      detail: `close code must be 1000-1003, 1007-1014 or 3000-4999, not ${String(code)}`
    })
  }
  const bytes = utf8.encode(reason)
  if (bytes.length > MAX_CONTROL_BYTES - 2) {
    throw new WebSocketError('invalid-argument', {
      detail: `a close reason has at most ${MAX_CONTROL_BYTES - 2} bytes of UTF-8, not ${bytes.length}`
    })
  }
  const payload = new Uint8Array(2 + bytes.length)
  payload[0] = code >>> 8
  payload[1] = code
  payload.set(bytes, 2)
  return payload
}

/**
 * States of the closing handshake. 'failed': a rule was broken (by the peer, or by the application's handler); our
 * close frame is out and nothing that arrives counts any more (RFC 6455 §7.1.7).
 */
export type ClosingState = 'open' | 'close-sent' | 'close-received' | 'finished' | 'failed' | 'ended'

/** What moves the closing handshake on. */
export type ClosingEvent = 'send-close' | 'receive-close' | 'fail' | 'end'

const TRANSITIONS: Record<ClosingState, Partial<Record<ClosingEvent, ClosingState>>> = {
  open: { 'send-close': 'close-sent', 'receive-close': 'close-received', fail: 'failed', end: 'ended' },
  'close-sent': { 'receive-close': 'finished', fail: 'failed', end: 'ended' },
  'close-received': { 'send-close': 'finished', fail: 'failed', end: 'ended' },
  finished: { end: 'ended' },
  failed: { end: 'ended' },
  ended: {}
}

/** Whether an event is possible. */
export function canMove(state: ClosingState, event: ClosingEvent): boolean {
  return TRANSITIONS[state][event] !== undefined
}

/** The next state. An impossible event is a fault of this library and throws Error. */
export function nextClosingState(state: ClosingState, event: ClosingEvent): ClosingState {
  const next = TRANSITIONS[state][event]
  if (next === undefined) throw new Error(`impossible closing event "${event}" in state "${state}"`)
  return next
}
