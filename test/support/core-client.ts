// Owns a client made of the library's parts, for tests against servers of others: the client's handshake of the core over
// a socket, then a connection in the role of a client.
import { once } from 'node:events'
import { connect } from 'node:net'
import { HandlerSet } from '../../src/connection-handlers.js'
import type { ConnectionOwner } from '../../src/connection-settings.js'
import { encodeRequest, readResponse } from '../../src/core/handshake-client.js'
import { acceptKey, makeKey } from '../../src/core/handshake-key.js'
import { HeadParser, STATUS_LINE } from '../../src/core/http-head.js'
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.js'
import { Endpoint } from '../../src/endpoint.js'
import { confirmExtensions, offerExtensions } from '../../src/extensions/negotiation.js'
import type { CloseDetails, Connection, Extension, Message, WebSocketError } from '../../src/index.js'
import { environment } from '../../src/kernels/index.js'
import { createLogger } from '../../src/log.js'
import { cleanUp, until } from './harness.js'
import { within } from './raw-client.js'

/** What a client was told. */
export interface CoreClient {
  readonly connection: Connection
  readonly endpoint: Endpoint<undefined>
  readonly messages: Message[]
  readonly pings: string[]
  readonly pongs: string[]
  readonly errors: WebSocketError[]
  readonly closes: CloseDetails[]
  /** The next message. */
  readMessage(): Promise<Message>
}

/** How to connect. */
export interface CoreClientOptions {
  readonly protocols?: readonly string[]
  readonly limits?: Partial<Limits>
  readonly extensions?: readonly Extension[]
}

/** Opens a WebSocket at a port of 127.0.0.1. */
export async function openCoreClient(port: number, options: CoreClientOptions = {}): Promise<CoreClient> {
  const { protocols = [], limits = {}, extensions = [] } = options
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await within(once(socket, 'connect'), 'a connection')
  cleanUp(() => socket.destroy())
  const offers = offerExtensions(extensions)
  const key = makeKey(environment.randomBytes(16))
  socket.write(encodeRequest({ host: `127.0.0.1:${port}`, target: '/', key, protocols, extensions: offers }))
  const parser = new HeadParser(STATUS_LINE)
  let parsed: ReturnType<typeof parser.push> = null
  while (parsed === null) {
    const [chunk] = (await within(once(socket, 'data'), 'the response')) as [Buffer]
    parsed = parser.push(chunk)
    socket.pause()
    if (parsed === null) socket.resume()
  }
  const expected = { acceptKey: acceptKey(key, environment.sha1), protocols, extensions: offers }
  const response = readResponse(parsed.head, expected)
  const negotiated = confirmExtensions(response.extensions, extensions, environment)
  const told = {
    messages: [] as Message[],
    pings: [] as string[],
    pongs: [] as string[],
    errors: [] as WebSocketError[],
    closes: [] as CloseDetails[]
  }
  const endpoint = makeEndpoint(told, { ...DEFAULT_LIMITS, ...limits })
  const { protocol } = response
  const opened = { data: undefined, protocol, extensions: negotiated, request: null, head: parsed.rest }
  const connection = endpoint.adopt(socket, opened)
  return {
    ...told,
    connection,
    endpoint,
    async readMessage() {
      await until(() => told.messages.length > 0, 'a message arrived')
      return told.messages.shift()!
    }
  }
}

type Told = Pick<CoreClient, 'messages' | 'pings' | 'pongs' | 'errors' | 'closes'>

function makeEndpoint(told: Told, limits: Limits): Endpoint<undefined> {
  const logger = createLogger('silent')
  const handlers: Partial<ConnectionOwner<undefined>> = {
    onopen: () => undefined,
    onmessage: (_, message) => void told.messages.push(message),
    onping: (_, payload) => void told.pings.push(Buffer.from(payload).toString()),
    onpong: (_, payload) => void told.pongs.push(Buffer.from(payload).toString()),
    onerror: (_, error) => void told.errors.push(error),
    onclose: (_, _code, _reason, details) => void told.closes.push(details)
  }
  const owner = new HandlerSet(handlers, logger, 'server')
  return new Endpoint<undefined>({
    role: 'client',
    owner,
    isHandled: (name) => owner.isHandled(name),
    logger,
    limits,
    lowWatermarkBytes: 64 * 1024,
    highWatermarkBytes: 1024 * 1024,
    autoFragmentBytes: 0,
    onslow: 'pause',
    closeTimeoutMs: 2000,
    pingIntervalMs: 0,
    pongTimeoutMs: 0,
    keepRequest: false
  })
}
