// Owns what all connections that agreed on the same have in common, so that none of them has to hold it. Must not know any
// extension by name.
import { keepBytes } from './assembler.js'
import type { BytePool } from './byte-pool.js'
import type { Environment } from './environment.js'
import { WebSocketError } from './errors.js'
import { type NegotiatedExtension, toExtensionError } from './extension.js'
import { HeaderBit, Opcode } from './header.js'
import type { Limits } from './limits.js'
import { Sender } from './sender.js'

/** Which end of the connection this is: it decides who masks. */
export type Role = 'server' | 'client'

/** What all protocols of one endpoint share. */
export interface ProtocolSettings {
  readonly role: Role
  readonly limits: Limits
  readonly environment: Environment
  /**
   * Text of up to so many bytes (if it needed no extension: ASCII) is decoded at once; longer text keeps its bytes until `payload`
   * is read. Default 1024; -1: none is.
   */
  readonly eagerTextBytes?: number
  /** Keeps whole messages of one frame, whose bytes are of its kind then. Default: each has memory of its own. */
  readonly pool?: BytePool | null
  /** Whether pings are answered without further ado. Default true, as RFC 6455 §5.5.2 asks for. */
  readonly answersPings?: boolean
  /** Whether the answer to a close frame repeats its reason as well as its code. Default false. */
  readonly echoesReason?: boolean
}

const EAGER_TEXT_BYTES = 1024

const NO_EXTENSIONS: readonly NegotiatedExtension[] = []
const plainTerms = new WeakMap<ProtocolSettings, Terms>()

/** An endpoint's settings and the extensions that were negotiated. Never changes. */
export class Terms implements ProtocolSettings {
  readonly role: Role
  readonly limits: Limits
  readonly environment: Environment
  readonly eagerTextBytes: number
  readonly answersPings: boolean
  readonly echoesReason: boolean
  readonly pool: BytePool | null
  /** As negotiated: in the order of sending. */
  readonly extensions: readonly NegotiatedExtension[]
  /** In the order of receiving: the last one negotiated comes first. */
  readonly decoders: readonly NegotiatedExtension[]
  /** Whether there are no extensions. */
  readonly isPlain: boolean
  /** Whether any of them wants to see the frames that arrive, which come one by one and whole then. */
  readonly decodesFrames: boolean
  /** Whether any of them wants to see the messages that arrive, which come whole then. */
  readonly decodesMessages: boolean
  /** What connections have in common for which a message is encoded in the same way; null: each encodes its own. */
  readonly shareKey: string | null
  /** What the mask bit of every frame that arrives must be. */
  readonly maskBit: number
  readonly sender: Sender

  private constructor(settings: ProtocolSettings, extensions: readonly NegotiatedExtension[]) {
    this.role = settings.role
    this.limits = settings.limits
    this.environment = settings.environment
    this.eagerTextBytes = settings.eagerTextBytes ?? EAGER_TEXT_BYTES
    this.answersPings = settings.answersPings ?? true
    this.echoesReason = settings.echoesReason ?? false
    this.pool = settings.pool ?? null
    this.extensions = extensions
    this.decoders = extensions.toReversed()
    this.isPlain = extensions.length === 0
    this.decodesFrames = extensions.some(({ session }) => session.decodeFrame !== undefined)
    this.decodesMessages = extensions.some(({ session }) => session.decodeMessage !== undefined)
    const keys = extensions.map(({ session }) => session.shareKey)
    const isShareable = settings.role === 'server' && !keys.includes(undefined)
    this.shareKey = isShareable ? keys.join(' ') : null
    this.maskBit = settings.role === 'server' ? HeaderBit.MASK : 0
    this.sender = new Sender(settings, extensions)
  }

  /** The terms of one connection: without extensions the same for all that have these settings. */
  static of(settings: ProtocolSettings, extensions = NO_EXTENSIONS): Terms {
    if (extensions.length > 0) return new Terms(settings, extensions)
    const known = plainTerms.get(settings)
    if (known !== undefined) return known
    const terms = new Terms(settings, NO_EXTENSIONS)
    plainTerms.set(settings, terms)
    return terms
  }

  /** Keeps a message's bytes: see `keepBytes`, `BytePool.keep`. */
  keep(chunk: Uint8Array, start: number, end: number): Uint8Array {
    return this.pool === null ? keepBytes(chunk, start, end) : this.pool.keep(chunk, start, end)
  }

  /** Which reserved bits a frame that arrives may have. Source: RFC 6455 §5.2. */
  allowedRsv(opcode: number): number {
    if (opcode >= Opcode.CLOSE) return 0
    let allowed = 0
    for (const extension of this.extensions) {
      if (opcode !== Opcode.CONTINUATION || extension.session.decodeFrame !== undefined)
        allowed |= extension.rsv
    }
    return allowed
  }

  /** Whether an extension has defined the opcode. */
  hasOpcode(opcode: number): boolean {
    return this.extensions.some(({ opcodes }) => opcodes.includes(opcode))
  }

  /**
   * Throws WebSocketError 'invalid-argument' unless messages may have the opcode: others are reserved unless an extension
   * defines them. Source: RFC 6455 §5.2.
   */
  checkOpcode(opcode: number): void {
    if (opcode === Opcode.TEXT || opcode === Opcode.BINARY) return
    if (this.hasOpcode(opcode)) return
    throw new WebSocketError('invalid-argument', { detail: `no extension has the opcode ${opcode}` })
  }

  /**
   * Closes the sessions, which are code of others: what one throws does not keep the others from being closed. Returns the
   * first such error, or null.
   */
  closeSessions(): WebSocketError | null {
    let first: WebSocketError | null = null
    for (const { name, session } of this.extensions) {
      try {
        session.close?.()
      } catch (cause) {
        first ??= toExtensionError(cause, name)
      }
    }
    return first
  }
}
