// Owns how adapters take messages from a connection and give messages to it: one after the other, each with its outcome, and
// the end told as an orderly one or as an error. Must not know streams or sockets.
import {
  CloseCode,
  type CloseDetails,
  type Connection,
  type Message,
  Opcode,
  type Sendable,
  WebSocketError
} from '../index.js'

/** Kinds of messages that carry a stream of bytes: binary ones, or text. */
export type StreamEncoding = 'binary' | 'text'

/** Codes of an end that tells of no failure. */
const ORDERLY: readonly number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NO_STATUS]

/**
 * Tells why an end was none in order, or null. A peer that closes with another code than 1000, 1001 or none says that
 * something failed: what came before may not be all.
 */
export function failureOf({ wasClean, initiator, code, reason, cause }: CloseDetails): WebSocketError | null {
  if (!wasClean) return cause
  if (initiator === 'local' || ORDERLY.includes(code)) return null
  const detail = reason === '' ? String(code) : `${code} ${JSON.stringify(reason)}`
  return new WebSocketError('closed-by-peer', { detail })
}

/** Takes the next message; null: the connection was closed in order. Rejects with WebSocketError if it ended otherwise. */
export async function receive<T>(connection: Connection<T>): Promise<Message | null> {
  try {
    return await connection.recv()
  } catch (error) {
    // It is over, or is about to be.
    if (!(error instanceof WebSocketError)) throw error
    const failure = failureOf(await connection.closed())
    if (failure !== null) throw failure
    return null
  }
}

/** Takes and drops what still comes: the peer's close frame stands behind it. */
export async function dropRest<T>(connection: Connection<T>): Promise<void> {
  try {
    while ((await receive(connection)) !== null);
  } catch (error) {
    // How it ends concerns nobody any more.
    if (!(error instanceof WebSocketError)) throw error
  }
}

/** Sends messages, one at least. Resolves when the kernel has all of them; rejects with WebSocketError if it will not. */
export function sendAll<T>(connection: Connection<T>, messages: readonly Sendable[]): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const message of messages.slice(0, -1)) connection.send(message)
    connection.send(messages.at(-1)!, { sent: (reason) => (reason === null ? resolve() : reject(reason)) })
  })
}

/** Refuses a message of a kind that is not expected: one must not be taken for the other. */
export function checkKind(message: Message, encoding: StreamEncoding): void {
  if (message.opcode === (encoding === 'text' ? Opcode.TEXT : Opcode.BINARY)) return
  const other = encoding === 'text' ? 'binary' : 'text'
  throw new WebSocketError('unsupported-data', { detail: `${other} came where ${encoding} is expected` })
}

/** The close code for a failure on our side. */
export function closeCodeOf(error: unknown): number {
  const own = error instanceof WebSocketError ? error.closeCode : null
  return own ?? CloseCode.INTERNAL_ERROR
}
