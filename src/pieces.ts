// Owns the messages of one connection that are told piece by piece: to handlers, and to whoever reads. Must not know how
// they arrive, or how reading is stopped.
import type { CloseDetails } from './core/closing.js'
import { WebSocketError } from './core/errors.js'
import type { PieceHandler } from './core/pieces.js'
import { callHandler, type HandlerCaller } from './handler-calls.js'
import { MessageReader } from './message-reader.js'

/** Whose messages they are. */
export interface PiecesOwner extends HandlerCaller {
  onmessagebegin(reader: MessageReader): unknown
  onframebegin(byteLength: number, isFinal: boolean): unknown
  onframedata(bytes: Uint8Array): unknown
  onframeend(): unknown
  onmessageend(): unknown
  /** A message is whole. */
  countMessage(): void
  /** So many bytes wait for being read. */
  handleUnread(byteLength: number): void
}

/** Who has the messages of a connection that come piece by piece. */
export interface PieceKeeper extends PieceHandler {
  /** The connection is closing, and too much waits: nobody may wait for what still comes. */
  giveUp(): void
  /** The connection is over. */
  end(details: CloseDetails): void
}

/** Tells messages piece by piece. */
export class Pieces implements PieceKeeper {
  readonly #owner: PiecesOwner
  /** Whether somebody is given the readers. */
  readonly #handlesBegin: boolean
  /** Whether the payload goes to `onframedata`, and not to readers. */
  readonly #handlesData: boolean
  /** The message that arrives at the moment. */
  #reader: MessageReader | null = null
  /** Bytes that wait in all readers. */
  #unreadBytes = 0

  constructor(owner: PiecesOwner, handlesBegin: boolean, handlesData: boolean) {
    this.#owner = owner
    this.#handlesBegin = handlesBegin
    this.#handlesData = handlesData
  }

  handleMessageBegin(opcode: number): void {
    const reader = new MessageReader(opcode, (byteLength) => {
      this.#unreadBytes += byteLength
      this.#owner.handleUnread(this.#unreadBytes)
    })
    this.#reader = reader
    if (!this.#handlesBegin) reader.discard()
    callHandler(this.#owner, () => this.#owner.onmessagebegin(reader))
  }

  handleFrameBegin(byteLength: number, isFinal: boolean): void {
    if (!this.#handlesData) this.#reader?.begin({ byteLength, isFinal })
    callHandler(this.#owner, () => this.#owner.onframebegin(byteLength, isFinal))
  }

  handleFrameData(bytes: Uint8Array): void {
    if (!this.#handlesData) this.#reader?.put(bytes)
    else callHandler(this.#owner, () => this.#owner.onframedata(bytes))
  }

  handleFrameEnd(): void {
    callHandler(this.#owner, () => this.#owner.onframeend())
  }

  handleMessageEnd(): void {
    this.#reader?.end()
    this.#reader = null
    this.#owner.countMessage()
    callHandler(this.#owner, () => this.#owner.onmessageend())
  }

  /** Nobody may wait for the rest of the message that arrives at the moment. */
  giveUp(): void {
    this.#reader?.giveUp(new WebSocketError('not-open', { detail: 'the connection was closed meanwhile' }))
  }

  /** The connection is over. */
  end({ cause }: CloseDetails): void {
    const detail = 'the peer closed in the middle of a message'
    this.#reader?.fail(cause ?? new WebSocketError('connection-lost', { detail }))
    this.#reader = null
  }
}
