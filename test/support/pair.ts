// Owns a client of the library that is connected to a server of the library, and both ends of the connection.
import {
  type AsyncServer,
  type AsyncServerOptions,
  type Connection,
  type ConnectOptions,
  connect
} from '../../src/index.js'
import { cleanUp, serve, until } from './harness.js'

/** Both ends. */
export interface ConnectedPair {
  readonly server: AsyncServer
  readonly client: Connection
  readonly atServer: Connection
}

/** Connects a client to a server of its own; both end with the test. */
export async function pair(
  options: AsyncServerOptions = {},
  clientOptions: ConnectOptions = {}
): Promise<ConnectedPair> {
  const server = await serve(options)
  const client = await connect(`ws://127.0.0.1:${server.port}`, { logLevel: 'silent', ...clientOptions })
  cleanUp(() => client.terminate())
  await until(() => server.clients.size === 1, 'the connection is open')
  const [atServer] = server.clients
  return { server, client, atServer: atServer! }
}
