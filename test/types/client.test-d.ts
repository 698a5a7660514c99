// Holds the client's public types to their promises; the compiler is the test runner (npm run types).
import { WebSocket } from '../../src/adapters/standard.js'
import {
  Agent,
  type Connection,
  connect,
  connectPersistently,
  type HandshakeResponse,
  type Message,
  type PersistentConnection,
  type WebSocketError
} from '../../src/index.js'

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false

/** Compiles only if both types are the same. */
function same<A, B>(_isSame: Same<A, B>): void {}

// Handlers among the options: parameters need no annotations; the type of the data is inferred.
const plain = connect('ws://a', {
  onhandshake: (response) => same<typeof response, HandshakeResponse>(true),
  onmessage(connection, message) {
    same<typeof message, Message>(true)
    same<typeof connection, Connection<undefined>>(true)
  },
  onerror: (_connection, error) => same<typeof error, WebSocketError>(true),
  onclose(_connection, code, _reason, details) {
    same<[typeof code, typeof details.wasClean], [number, boolean]>(true)
  }
})
same<typeof plain, Promise<Connection<undefined>>>(true)

const typed = connect(new URL('ws://a'), {
  data: { name: 'Ada' },
  onmessage: ({ data }) => same<typeof data, { name: string }>(true)
})
same<typeof typed, Promise<Connection<{ name: string }>>>(true)
const viaAgent = new Agent({ handshakeTimeoutMs: 5 }).connect('ws://a', { data: 5 as number })
same<typeof viaAgent, Promise<Connection<number>>>(true)

const persistent = connectPersistently(async () => 'ws://a', {
  data: { name: 'Ada' },
  onopen: ({ data }) => same<typeof data, { name: string }>(true),
  onretry: ({ delayMs, error }) => same<[typeof delayMs, typeof error], [number, WebSocketError | null]>(true)
})
same<typeof persistent, PersistentConnection<{ name: string }>>(true)
same<typeof persistent.connection, Connection<{ name: string }> | null>(true)

// @ts-expect-error: no such option
connect('ws://a', { port: 80 })
// @ts-expect-error: a wrong type
connect('ws://a', { auth: 'user:password' })
// @ts-expect-error: options of one connection are not an agent's
new Agent({ signal: AbortSignal.abort() })
// @ts-expect-error: a wrong word
connectPersistently('ws://a', { outbox: 'keep' })

const socket = new WebSocket('ws://a', ['b'])
same<typeof socket.readyState, 0 | 1 | 2 | 3>(true)
same<typeof WebSocket.OPEN, 1>(true)
socket.onclose = ({ code, reason, wasClean }) =>
  same<[typeof code, typeof reason, typeof wasClean], [number, string, boolean]>(true)
socket.send(new Blob([]))
socket.send(new Uint8Array(1).buffer)
new WebSocket('ws://a', { headers: { a: 'b' } })
// @ts-expect-error: handlers are set on the socket
new WebSocket('ws://a', { onmessage: () => {} })
// @ts-expect-error: no message
socket.send(5)
