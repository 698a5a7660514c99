// Owns one message that is read as it arrives: its pieces that wait for whoever reads them. Must not know connections.
import { WebSocketError } from './core/errors.js'
import { Opcode } from './core/header.js'

/** A frame of a message that is read as it arrives. Iterate over it for its payload, before the next frame is asked for. */
export interface FrameReader extends AsyncIterable<Uint8Array> {
  /** Length of its payload. */
  readonly byteLength: number
  /** Whether it is the last one of its message. */
  readonly isFinal: boolean
}

/** The beginning of a frame, in a row with the pieces. */
interface FrameStart {
  readonly byteLength: number
  readonly isFinal: boolean
}

/** What the beginning of a frame counts for, in bytes, so that many empty ones count. */
const FRAME_BYTES = 64

/** Who counts the bytes that wait: negative when they have been read. */
export type CountUnread = (byteLength: number) => void

/**
 * A message that can be read before all of it is there: by pieces (`for await (const bytes of message)`), by frames, or as a
 * web stream; once. What is not read waits, and stops the reading from the peer above the low watermark. Pieces are as they
 * came from the network; text is validated, but may be cut inside a character: use a TextDecoder with `stream: true`.
 * Reading throws WebSocketError if the connection ends before the message does, and 'invalid-argument' while another read waits.
 */
export class MessageReader implements AsyncIterable<Uint8Array> {
  /** `Opcode.TEXT`, `Opcode.BINARY`, or an extension's. */
  readonly opcode: number
  readonly #countUnread: CountUnread
  #waiting: (FrameStart | Uint8Array)[] = []
  #state: 'arriving' | 'whole' | 'discarded' = 'arriving'
  #error: WebSocketError | null = null
  #wake: (() => void) | null = null
  /** Somebody waits for the next piece. */
  #isTaking = false
  /** The frame whose payload is read at the moment. */
  #frame: FrameStart | null = null

  /** @internal Made by a connection. */
  constructor(opcode: number, countUnread: CountUnread) {
    this.opcode = opcode
    this.#countUnread = countUnread
  }

  /** 'text' or 'binary'; messages of an extension are binary. */
  get kind(): 'text' | 'binary' {
    return this.opcode === Opcode.TEXT ? 'text' : 'binary'
  }

  /** Whether all of it has arrived. */
  get isWhole(): boolean {
    return this.#state === 'whole'
  }

  /** The payload, piece by piece. Leaving the loop early discards the rest. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#enter()
    try {
      for (let next = await this.#take(); next !== null; next = await this.#take()) {
        if (!(next instanceof Uint8Array)) continue
        this.#isTaking = false
        yield next
        this.#enter()
      }
      this.#isTaking = false
    } finally {
      this.#leave()
    }
  }

  /** The frames, one by one. What is not read of a frame is skipped with the next one. */
  async *frames(): AsyncGenerator<FrameReader, void, undefined> {
    this.#enter()
    try {
      for (let next = await this.#take(); next !== null; next = await this.#take()) {
        if (next instanceof Uint8Array) continue
        this.#isTaking = false
        yield this.#openFrame(next)
        this.#enter()
      }
      this.#isTaking = false
    } finally {
      this.#leave()
    }
  }

  /** The payload as a web stream; cancelling it discards the rest. */
  stream(): ReadableStream<Uint8Array> {
    const pieces = this[Symbol.asyncIterator]()
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { value, done } = await pieces.next()
          if (done === true) controller.close()
          else controller.enqueue(value)
        },
        cancel: async () => {
          this.discard()
          await pieces.return()
        }
      },
      { highWaterMark: 0 }
    )
  }

  /** Reads the rest of the payload, whole. What bounds it is `maxMessageBytes`. */
  async bytes(): Promise<Uint8Array> {
    const pieces = []
    for await (const piece of this) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  /** Reads the rest of the payload as text. */
  async text(): Promise<string> {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await this.bytes())
  }

  /** Drops what waits and what still comes of this message. */
  discard(): void {
    if (this.#state === 'arriving') this.#state = 'discarded'
    this.#drop()
    this.#wakeUp()
  }

  /** @internal */
  begin(frame: FrameStart): void {
    if (this.#state !== 'arriving' || this.#error !== null) return
    this.#add(frame)
  }

  /** @internal */
  put(bytes: Uint8Array): void {
    if (this.#state !== 'arriving' || this.#error !== null) return
    this.#add(bytes)
  }

  /** @internal All is there. */
  end(): void {
    if (this.#state === 'arriving') this.#state = 'whole'
    this.#wakeUp()
  }

  /** @internal The rest will never come. */
  fail(error: WebSocketError): void {
    if (this.#state !== 'arriving') return
    this.#error ??= error
    this.#wakeUp()
  }

  /** @internal The rest will never come, and what waits is too much. */
  giveUp(error: WebSocketError): void {
    this.fail(error)
    this.#drop()
  }

  #openFrame(frame: FrameStart): FrameReader {
    this.#frame = frame
    const { byteLength, isFinal } = frame
    let bytesLeft = byteLength
    const read = async function* (this: MessageReader) {
      // Its end is known by its length: the next frame may be long in coming.
      while (bytesLeft > 0) {
        this.#enter()
        const next = await this.#take((one) => this.#frame === frame && one instanceof Uint8Array)
        this.#isTaking = false
        if (!(next instanceof Uint8Array)) return
        bytesLeft -= next.length
        yield next
      }
    }
    return { byteLength, isFinal, [Symbol.asyncIterator]: read.bind(this) }
  }

  #add(one: FrameStart | Uint8Array): void {
    this.#waiting.push(one)
    this.#countUnread(sizeOf(one))
    this.#wakeUp()
  }

  #drop(): void {
    for (const one of this.#waiting.splice(0)) this.#countUnread(-sizeOf(one))
  }

  /** Takes what comes next; null: there is nothing more, or it is not wanted, and stays. */
  async #take(isWanted = (_: FrameStart | Uint8Array) => true): Promise<FrameStart | Uint8Array | null> {
    while (this.#waiting.length === 0) {
      if (this.#error !== null) {
        this.#isTaking = false
        throw this.#error
      }
      if (this.#state !== 'arriving') return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const next = this.#waiting[0]!
    if (!isWanted(next)) return null
    this.#waiting.shift()
    this.#countUnread(-sizeOf(next))
    return next
  }

  /** A second reader would take pieces from the one that waits. */
  #enter(): void {
    if (this.#isTaking) {
      throw new WebSocketError('invalid-argument', { detail: 'the message is being read already' })
    }
    this.#isTaking = true
  }

  /** A reader is done. One that was refused must not take the rest from the one that waits. */
  #leave(): void {
    if (!this.#isTaking) this.discard()
  }

  #wakeUp(): void {
    this.#wake?.()
    this.#wake = null
  }
}

function sizeOf(one: FrameStart | Uint8Array): number {
  return one instanceof Uint8Array ? one.length : FRAME_BYTES
}
