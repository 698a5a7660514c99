// Owns the two servers of which one gets publications and the other one has the subscribers, and the broker between them.
// Looks like one server to what measures: the subscribers' one, which has a core of its own. Must not know cases.
import { BROKERS, startBroker } from './brokers.mjs'
import { MEASURED_CORE, OTHER_CORE, Server } from './process.mjs'

/** What is measured comes last, and has a core to itself. */
const ROLES = [
  ['publisher', OTHER_CORE],
  ['subscribers', MEASURED_CORE]
]

export class Relay {
  #broker
  #servers
  #publishPort

  /** The last of `servers` has the subscribers. */
  constructor(broker, servers, publishPort) {
    this.#broker = broker
    this.#servers = servers
    this.#publishPort = publishPort
  }

  /** Names for the generator: where to publish, and whose CPU time is of interest besides. */
  get names() {
    const [{ pid }] = this.#servers
    const port = { 'publish-port': this.#publishPort }
    return this.#broker === null ? port : { ...port, 'publisher-pid': pid, 'broker-pid': this.#broker.pid }
  }

  /** `variant`: the name of a broker, or 'memory' for two threads of one process, on one core. */
  static async start(program, variant) {
    if (!(variant in BROKERS)) {
      const server = await Server.start(program, variant)
      const { publishPort } = await server.ask('describe')
      return new Relay(null, [server], publishPort)
    }
    const broker = await startBroker(variant)
    const servers = []
    try {
      const env = { ...program.env, BENCH_BROKER_PORT: broker.port }
      for (const [role, core] of ROLES)
        servers.push(await Server.start({ ...program, env: { ...env, BENCH_ROLE: role }, core }, variant))
      return new Relay(broker, servers, servers[0].port)
    } catch (error) {
      for (const one of [...servers, broker]) await one.end()
      throw error
    }
  }

  get port() {
    return this.#servers.at(-1).port
  }

  get pid() {
    return this.#servers.at(-1).pid
  }

  ask(question) {
    return this.#servers.at(-1).ask(question)
  }

  async end() {
    for (const server of this.#servers) await server.end()
    await this.#broker?.end()
  }
}
