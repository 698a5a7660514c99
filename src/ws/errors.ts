// Owns the errors that programs written for `ws` know: classes, codes and texts, by our own codes. Must not know connections.
import type { ErrorCode, WebSocketError } from '../core/errors.js'
import { HeaderBit } from '../core/header.js'

/** An error as `ws` has it. */
interface Entry {
  readonly code: string
  /** `first`: the first byte of the frame, where that says more. */
  readonly text: string | ((first: number) => string)
  readonly type: ErrorConstructor | RangeErrorConstructor
}

const TOO_LONG = entry('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded')
const NO_UTF8 = entry('WS_ERR_INVALID_UTF8', frame('invalid UTF-8 sequence'), Error)
const BAD_OPCODE = entry('WS_ERR_INVALID_OPCODE', (first) =>
  frame(`invalid opcode ${first & HeaderBit.OPCODE}`)
)
const BAD_CONTROL_LENGTH = 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'

const ENTRIES: Partial<Record<ErrorCode, Entry>> = {
  'reserved-opcode': BAD_OPCODE,
  'unexpected-continuation': BAD_OPCODE,
  'interleaved-message': BAD_OPCODE,
  'unmasked-frame': entry('WS_ERR_EXPECTED_MASK', frame('MASK must be set')),
  'masked-frame': entry('WS_ERR_UNEXPECTED_MASK', frame('MASK must be clear')),
  'length-not-minimal': entry(
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    frame('the length is not encoded in the fewest bytes')
  ),
  'length-overflow': entry(
    'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
    'Unsupported WebSocket frame: payload length > 2^53 - 1'
  ),
  'fragmented-control': entry('WS_ERR_EXPECTED_FIN', frame('FIN must be set')),
  'control-too-long': entry(BAD_CONTROL_LENGTH, frame('invalid payload length of a control frame')),
  'close-payload': entry(BAD_CONTROL_LENGTH, frame('invalid payload length 1')),
  'close-code': entry('WS_ERR_INVALID_CLOSE_CODE', frame('invalid status code')),
  'invalid-utf8': NO_UTF8,
  'close-reason': NO_UTF8,
  'frame-too-big': TOO_LONG,
  'message-too-big': TOO_LONG,
  'too-many-fragments': entry('WS_ERR_TOO_MANY_BUFFERED_PARTS', 'Too many message fragments')
}

/** The same error as `ws` would emit it; its `cause` is ours, which says more. */
export function toWsError(cause: WebSocketError): Error & { code?: string } {
  const found = cause.code === 'reserved-bits' ? reservedBits(cause) : ENTRIES[cause.code]
  // What ends a connection without a rule being broken, such as compressed data that is none.
  if (found === undefined) return cause
  const text = typeof found.text === 'string' ? found.text : found.text(firstByteOf(cause))
  return Object.assign(new found.type(text, { cause }), { code: found.code })
}

function reservedBits(cause: WebSocketError): Entry {
  const isFirst = (firstByteOf(cause) & HeaderBit.RSV) === HeaderBit.RSV1
  return isFirst
    ? entry('WS_ERR_UNEXPECTED_RSV_1', frame('RSV1 must be clear'))
    : entry('WS_ERR_UNEXPECTED_RSV_2_3', frame('RSV2 and RSV3 must be clear'))
}

/** Errors about a frame's header show its bytes. */
function firstByteOf({ message }: WebSocketError): number {
  return Number(/frame header (0x[0-9a-f]+)/.exec(message)?.[1] ?? 0)
}

function frame(text: string): string {
  return `Invalid WebSocket frame: ${text}`
}

function entry(code: string, text: Entry['text'], type: Entry['type'] = RangeError): Entry {
  return { code, text, type }
}
