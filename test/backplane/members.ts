// Owns what the tests of backplanes share: servers that use one, and clients that subscribe.
import type { AsyncServer, BackplaneOptions, BrokerBackplane, Connection } from '../../src/index.js'
import { openAt, serve, until } from '../support/harness.js'
import type { RawClient } from '../support/raw-client.js'

/** Heartbeats that do not keep tests waiting. */
export const QUICK: BackplaneOptions = { heartbeatMs: 100, timeoutMs: 2000 }

/** A server with its backplane. */
export interface Member {
  readonly server: AsyncServer
  readonly backplane: BrokerBackplane
}

/** Makes a backplane at a broker. */
export type MakeBackplane = (options: BackplaneOptions) => Promise<BrokerBackplane> | BrokerBackplane

/** Starts a server that uses a backplane; resolves when it is connected. */
export async function join(make: MakeBackplane, options: BackplaneOptions = {}): Promise<Member> {
  const backplane = await make({ ...QUICK, ...options })
  const server = await serve({ closeTimeoutMs: 100 })
  server.use(backplane)
  await until(() => backplane.state === 'connected', 'the backplane is connected')
  await backplane.ready()
  return { server, backplane }
}

/** Starts several that know of each other. */
export async function joinAll(
  make: MakeBackplane,
  count: number,
  options?: BackplaneOptions
): Promise<Member[]> {
  const members: Member[] = []
  for (let i = 0; i < count; i++) members.push(await join(make, options))
  await until(() => members.every(({ backplane }) => backplane.serverCount() === count), 'all are known')
  return members
}

/** Both ends of a connection. */
export interface Subscription {
  readonly client: Connection<undefined>
  readonly peer: RawClient
}

/** Opens a client that subscribes; resolves when the broker knows. */
export async function subscribe({ server, backplane }: Member, ...topics: string[]): Promise<Subscription> {
  const known = new Set(server.clients)
  const peer = await openAt(server)
  const find = () => [...server.clients].find((client) => !known.has(client))
  await until(() => find() !== undefined, 'the client is open')
  const client = find()!
  for (const topic of topics) client.subscribe(topic)
  await backplane.ready()
  return { client, peer }
}

/** Reads so many texts. */
export async function readTexts(peer: RawClient, count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) texts.push(await peer.readText())
  return texts
}
