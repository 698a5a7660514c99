// Owns the options of `ws` and what they mean here: limits, extensions, defaults. Must not know sockets.
import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { NetConnectOpts, Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import type { ZlibOptions } from 'node:zlib'
import type { Environment } from '../core/environment.js'
import type { Extension } from '../core/extension.js'
import { DEFAULT_LIMITS, type Limits } from '../core/limits.js'
import { DeflateMessage, type DeflateMessageOptions } from '../extensions/deflate-message.js'
import { environment } from '../kernels/index.js'
import type { WebSocket } from './websocket.js'

/** Options of permessage-deflate, as `ws` names them. */
export interface PerMessageDeflateOptions {
  /** Whether the server forgets its window after each message. Default: a server's true, a client's false; in `ws` false. */
  serverNoContextTakeover?: boolean | undefined
  /** Whether the client forgets its window after each message. Default: a server's true, a client's false; in `ws` false. */
  clientNoContextTakeover?: boolean | undefined
  /** 8-15. Default 15; 12 where windows are kept. */
  serverMaxWindowBits?: number | undefined
  /** 8-15; true and false: the default, as `serverMaxWindowBits`. */
  clientMaxWindowBits?: number | boolean | undefined
  /** `level` and `memLevel` count; the others have no effect. */
  zlibDeflateOptions?: ZlibOptions | undefined
  /** No effect: what is decompressed is bounded by `maxPayload`. */
  zlibInflateOptions?: ZlibOptions | undefined
  /** Payloads below so many bytes are sent as they are. Default 1024. */
  threshold?: number | undefined
  /** No effect: nothing is compressed on other threads. */
  concurrencyLimit?: number | undefined
}

/** Options that servers and clients share. */
export interface CommonOptions {
  /** Whether several 'message', 'ping' and 'pong' events may come in one turn of the event loop. Default true. */
  allowSynchronousEvents?: boolean | undefined
  /** Whether pings are answered. Default true. */
  autoPong?: boolean | undefined
  /** How long in ms a closing handshake may take after `close`; 0: for ever. Default 30 000. */
  closeTimeout?: number | undefined
  /** No effect: the pieces of a message are gathered in one piece of memory, however many there are. */
  maxBufferedChunks?: number | undefined
  /** Most frames of one message; 0: no limit. Default 16 384. */
  maxFragments?: number | undefined
  /** Longest message in bytes, decompressed; 0: no limit. Default 100 MiB. */
  maxPayload?: number | undefined
  /** Pongs that may wait to be sent, after which only the newest ping is answered. Default 60; in `ws` the connection ends then. */
  maxPendingAutoPongs?: number | undefined
  /** Compression. Default: a client offers it, a server does not accept it. */
  perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined
  /** Whether text may be something else than UTF-8. Default false. Of close frames the reason is checked anyway. */
  skipUTF8Validation?: boolean | undefined
}

/** Decides about a client. `info.origin`: undefined if there is none. */
export type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> = (info: {
  origin: string
  secure: boolean
  req: Request
}) => boolean

/** The same, later: `callback` says whether the client is accepted, or with which status, body and headers it is not. */
export type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> = (
  info: { origin: string; secure: boolean; req: Request },
  callback: (res: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void
) => void

/** Is given the request before it is sent, and must call its `end`. */
export type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void

/** Options of a client: its own and those of `http.request` and `tls.connect`. */
export interface ClientOptions extends CommonOptions, SecureContextOptions {
  /** For `http.request`. */
  agent?: Agent | undefined
  /** Name and password for Basic authentication, joined by ':'. */
  auth?: string | undefined
  checkServerIdentity?(servername: string, cert: string | string[] | Buffer | Buffer[]): boolean
  /** Makes the socket, instead of `net.connect` or `tls.connect`. */
  createConnection?: ((options: NetConnectOpts, listener?: () => void) => Socket) | undefined
  family?: number | undefined
  finishRequest?: FinishRequestCallback | undefined
  /** Default false. */
  followRedirects?: boolean | undefined
  /** Writes a masking key into the four bytes that it is given. Default: unpredictable ones. */
  generateMask?(mask: Buffer): void
  /** How long in ms nothing may happen on the socket of an opening handshake. Default: for ever. */
  handshakeTimeout?: number | undefined
  headers?: OutgoingHttpHeaders | undefined
  /** No effect: the URL says it. */
  host?: string | undefined
  localAddress?: string | undefined
  /** Default 10. */
  maxRedirects?: number | undefined
  /** The header Origin. */
  origin?: string | undefined
  /** No effect: the URL says it. */
  protocol?: string | undefined
  /** The subprotocols, if the parameter is missing. */
  protocols?: string | string[] | undefined
  /** 13 or 8, which differ in the name of the header Origin. Default 13. */
  protocolVersion?: number | undefined
  rejectUnauthorized?: boolean | undefined
  servername?: string | undefined
}

/** What is known of options that were left out. */
export const COMMON_DEFAULTS = {
  allowSynchronousEvents: true,
  autoPong: true,
  closeTimeout: 30_000,
  maxBufferedChunks: 256 * 1024,
  maxFragments: 16 * 1024,
  maxPayload: 100 * 1024 * 1024,
  maxPendingAutoPongs: 60,
  skipUTF8Validation: false
} as const

/** The limits that options ask for. */
export function limitsOf(options: CommonOptions): Limits {
  const maxBytes = unlimitedIfZero(options.maxPayload ?? COMMON_DEFAULTS.maxPayload)
  return {
    maxMessageBytes: maxBytes,
    maxFrameBytes: maxBytes,
    maxFragments: unlimitedIfZero(options.maxFragments ?? COMMON_DEFAULTS.maxFragments),
    maxUnansweredPings: options.maxPendingAutoPongs || DEFAULT_LIMITS.maxUnansweredPings
  }
}

/** Has a program write a masking key into `key`, and gives it as the core has it. */
export function generateKey(generateMask: (mask: Buffer) => void, key: Buffer): number {
  generateMask(key)
  return key.readInt32LE()
}

/** What the core is given where options ask for something else than usual. */
export function environmentOf({ generateMask, skipUTF8Validation }: ClientOptions): Environment {
  let chosen = environment
  if (skipUTF8Validation === true)
    chosen = { ...chosen, kernels: { ...chosen.kernels, validateUtf8: () => 0 } }
  if (generateMask !== undefined) {
    const key = Buffer.alloc(4)
    chosen = { ...chosen, maskingKey: () => generateKey(generateMask, key) }
  }
  return chosen
}

/** Of a client: there are servers that answer offers to forget windows as if they had not read them. */
const KEEPS_WINDOWS = { serverNoContextTakeover: false, clientNoContextTakeover: false }

/** The extensions that a client offers. Throws WebSocketError 'invalid-option'. */
export function extensionsToOffer(option: boolean | PerMessageDeflateOptions = true): readonly Extension[] {
  // null is no too: options come from programs without types.
  return !option ? [] : extensionsOf({ ...KEEPS_WINDOWS, ...(option === true ? {} : option) })
}

/** The extensions that a server accepts. Throws WebSocketError 'invalid-option'. */
export function extensionsOf(option: boolean | PerMessageDeflateOptions | undefined): readonly Extension[] {
  if (!option) return []
  const { clientMaxWindowBits, threshold, zlibDeflateOptions, ...rest } = option === true ? {} : option
  const { level, memLevel } = zlibDeflateOptions ?? {}
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits } = rest
  const options: DeflateMessageOptions = {
    ...(serverNoContextTakeover !== undefined && { serverNoContextTakeover }),
    ...(clientNoContextTakeover !== undefined && { clientNoContextTakeover }),
    ...(serverMaxWindowBits != null && { serverMaxWindowBits }),
    ...(typeof clientMaxWindowBits === 'number' && { clientMaxWindowBits }),
    // -1 is zlib's word for its default.
    ...(level !== undefined && level >= 0 && { level }),
    ...(memLevel !== undefined && { memLevel }),
    thresholdBytes: threshold ?? 1024
  }
  return [new DeflateMessage(options)]
}

function unlimitedIfZero(limit: number): number {
  return limit > 0 ? limit : Number.MAX_SAFE_INTEGER
}
