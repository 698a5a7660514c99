// Owns a subject that is told messages piece by piece, and writes the pieces down.
import type { Environment } from '../../src/core/environment.js'
import type { NegotiatedExtension } from '../../src/core/extension.js'
import type { Limits } from '../../src/core/limits.js'
import type { PieceHandler } from '../../src/core/pieces.js'
import type { Role } from '../../src/core/terms.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { join, toHex } from '../conformance/wire.js'

/** What was told, in words: 'begin 1', 'frame 3 final', 'data 616263', 'frame end', 'end'. */
export type Line = string

/** Which of the calls. */
export const CALLS = ['begin', 'frame', 'data', 'frame end', 'end'] as const
export type Call = (typeof CALLS)[number]

/** A protocol whose handler takes pieces. `lines` has them in a row with all other events. */
export class PiecesSubject extends CoreSubject implements PieceHandler {
  readonly lines: Line[] = []
  /** The pieces themselves. */
  readonly kept: Uint8Array[] = []
  /** Called inside each call, when that is written down. */
  during: (call: Call) => void = () => {}
  pieces: PieceHandler | null = this

  constructor(
    environment: Environment,
    role: Role = 'server',
    limits: Partial<Limits> = {},
    extensions: readonly NegotiatedExtension[] = []
  ) {
    super(environment, role, limits, extensions)
    this.protocol.receiveInPieces()
  }

  handleMessageBegin(opcode: number): void {
    this.#tell('begin', `begin ${opcode}`)
  }

  handleFrameBegin(byteLength: number, isFinal: boolean): void {
    this.#tell('frame', `frame ${byteLength}${isFinal ? ' final' : ''}`)
  }

  handleFrameData(bytes: Uint8Array): void {
    this.kept.push(bytes)
    this.#tell('data', `data ${toHex(bytes)}`)
  }

  handleFrameEnd(): void {
    this.#tell('frame end', 'frame end')
  }

  handleMessageEnd(): void {
    this.#tell('end', 'end')
  }

  override handleMessage(message: Parameters<CoreSubject['handleMessage']>[0]): void {
    super.handleMessage(message)
    this.lines.push(`message ${toHex(message.bytes)}`)
  }

  override handlePing(payload: Uint8Array): void {
    super.handlePing(payload)
    this.lines.push(`ping ${toHex(payload)}`)
  }

  override handleError(error: Parameters<CoreSubject['handleError']>[0]): void {
    super.handleError(error)
    this.lines.push(`error ${error.code}`)
  }

  /** The lines with the pieces of each frame joined. */
  get joined(): Line[] {
    const lines: Line[] = []
    for (const line of this.lines) {
      const isData = line.startsWith('data ')
      if (isData && lines.at(-1)?.startsWith('data ') === true) lines.push(lines.pop()! + line.slice(5))
      else lines.push(line)
    }
    return lines
  }

  /** The pieces joined. */
  get payload(): Uint8Array {
    return join(this.kept)
  }

  #tell(call: Call, line: Line): void {
    this.lines.push(line)
    this.during(call)
  }
}
