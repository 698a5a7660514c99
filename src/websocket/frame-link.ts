// Owns one open connection of a `WebSocket`: held until somebody uses it, then either its frames are received and sent here, or
// it is given away. Must not know how it was opened.
import type { Connection } from '../connection.js'
import type { SendStatus } from '../connection-status.js'
import type { CloseDetails } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import { ControlFrame, type Frame } from '../core/frame.js'
import { Opcode } from '../core/header.js'
import { FrameIntake } from './frame-intake.js'
import { FrameSender } from './frame-sender.js'

/** The connections that carry frames have their link as `data`. */
export type LinkedConnection = Connection<FrameLink | undefined>

/** What servers and clients tell connections that carry frames. */
export const LINK_HANDLERS = {
  onping: ({ data }: LinkedConnection, payload: Uint8Array) => data?.handleControl(Opcode.PING, payload),
  onpong: ({ data }: LinkedConnection, payload: Uint8Array) => data?.handleControl(Opcode.PONG, payload)
} as const

/** The frames of one connection. */
export class FrameLink {
  readonly connection: LinkedConnection
  /** Both null until frames are received or sent. */
  #intake: FrameIntake | null = null
  #sender: FrameSender | null = null
  #isReleased = false

  /** Call in `onopen`: nothing is read until `receive`, `send` or `release`. */
  constructor(connection: LinkedConnection) {
    this.connection = connection
    connection.data = this
    connection.hold()
  }

  /** As `WebSocket.recv`; null: the connection has ended in order. */
  receive(): Promise<Frame | null> {
    return this.#open().intake.next()
  }

  send(frames: readonly Frame[]): SendStatus {
    return this.#open().sender.send(frames)
  }

  close(code: number | null, reason: string): Promise<CloseDetails> {
    const { sender } = this.#open()
    // Checks its arguments first, so that a wrong one changes nothing.
    const closed = this.connection.close(code, reason)
    sender.leave()
    return closed
  }

  /** Gives the connection away. Throws WebSocketError 'wrong-state' unless it is open and untouched. */
  release(): Connection<unknown> {
    const isOpen = this.connection.readyState === 1
    if (this.#isReleased || this.#intake !== null || !isOpen) {
      const why = this.#isReleased ? 'given away' : isOpen ? 'used for frames' : 'closed'
      throw new WebSocketError('wrong-state', {
        detail: `a Connection is made of an open WebSocket that is not used yet, and this one was ${why} before`
      })
    }
    this.#isReleased = true
    this.connection.data = undefined
    return this.connection as unknown as Connection<unknown>
  }

  /** A ping or pong arrived. */
  handleControl(opcode: number, payload: Uint8Array): void {
    this.#intake?.put(new ControlFrame(opcode, payload))
  }

  #open(): { readonly intake: FrameIntake; readonly sender: FrameSender } {
    if (this.#isReleased) {
      throw new WebSocketError('wrong-state', { detail: 'a Connection was made of the WebSocket: use that' })
    }
    const { connection } = this
    this.#sender ??= new FrameSender(connection as unknown as Connection<unknown>)
    if (this.#intake === null) {
      this.#intake = new FrameIntake(connection)
      connection.receiveInPieces(this.#intake)
      connection.letGo()
    }
    return { intake: this.#intake, sender: this.#sender }
  }
}
