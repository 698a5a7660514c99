// Owns the words in which a connection tells its state and what became of a message. Must not know connections.
import type { SentCallback } from './receipts.js'

/** Values of `Connection.readyState`, as in browsers. */
export const ReadyState = { OPEN: 1, CLOSING: 2, CLOSED: 3 } as const

/**
 * What `send` did. 'sent': the message goes to the kernel at the end of this turn of the event loop; nothing waits before
 * it. 'queued': it waits behind what the kernel has not taken yet, or more than the high watermark is queued: a good
 * moment to wait for `drained()`. 'dropped': the connection is closing or closed, and the message was not accepted.
 */
export type SendStatus = 'sent' | 'queued' | 'dropped'

/** Options of `Connection.send`. */
export interface SendOptions {
  /** Most payload bytes of one frame: a positive integer. Default: the option `autoFragmentBytes`. */
  fragmentSize?: number
  /**
   * Whether the message is masked. Default: a client's messages are, a server's are not, and peers that keep to the protocol
   * accept nothing else (RFC 6455 §5.1).
   */
  mask?: boolean
  /** Whether to compress the message, where an extension that can is in use. Default: as the extension's options say. */
  compress?: boolean
  /**
   * Called once, after `send` has returned: with null when the last byte of the message is with the kernel, or with a
   * WebSocketError if it will never be: why the connection ended, or 'not-open' if `send` returned 'dropped'. Default: none;
   * it costs a little memory per message that waits.
   */
  sent?: SentCallback
}
