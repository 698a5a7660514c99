// Owns the calculation: from clients, traffic and machines to memory, load and messages. Must not know where its figures come from.
// All is an average over a second in which nothing special happens; `storm` is about one in which something does.
import { otherServersReached, topicClasses } from './topics.mjs'

/** Of an Ethernet frame around a segment: preamble, header, checksum and gap 38, IPv4 20, TCP with timestamps 32. */
const PACKET_BYTES = 90
/** A WebSocket frame's header from the server, of payloads below 64 KiB. */
const FRAME_BYTES = 4
/** What hotsocket and the broker's protocol add to a publication: envelope, topic, length. */
const ENVELOPE_BYTES = 120
const MOST_MACHINES = 10_000

/**
 * `fleet`: `machines` with `threads` each, every thread a server with a backplane. `load`: `clients`; `topics`, `topicsPerClient` and
 * `zipf` (see topics.mjs); `publicationsPerSecond` of `payloadBytes`, to topics in equal shares, or with `isPopular` in proportion to
 * their subscribers; `pingSeconds`, `heartbeatSeconds`; `isSecure`. `costs`: see figures.mjs.
 */
export function calculate({ machines, threads }, load, costs) {
  const servers = machines * threads
  const { clients, payloadBytes, publicationsPerSecond } = load
  const traffic = spread(servers, load)
  const heartbeats = (servers * (servers - 1)) / load.heartbeatSeconds
  const pings = clients / load.pingSeconds
  const brokerIn = servers === 1 ? 0 : publicationsPerSecond + servers / load.heartbeatSeconds
  const brokerOut = traffic.forwarded + heartbeats
  const busySeconds = {
    deliveries: traffic.deliveries * costs.deliverySeconds,
    publications: publicationsPerSecond * costs.publishSeconds,
    forwarded: traffic.forwarded * costs.receiveSeconds,
    heartbeats: heartbeats * costs.receiveSeconds,
    pings: pings * costs.pingSeconds
  }
  const connectionBytes =
    (load.isSecure ? costs.secureConnectionBytes : costs.connectionBytes) +
    costs.kernelBytes +
    load.topicsPerClient * costs.subscriptionBytes
  const packets = traffic.deliveries + 2 * pings
  return {
    servers,
    clientsPerServer: clients / servers,
    deliveriesPerSecond: traffic.deliveries,
    serversPerPublication: traffic.forwarded / publicationsPerSecond,
    brokerInPerSecond: brokerIn,
    brokerOutPerSecond: brokerOut,
    heartbeatsPerSecond: heartbeats,
    brokerBusy: (brokerIn + brokerOut) * costs.brokerSeconds,
    brokerBitsPerSecond: 8 * (brokerIn + brokerOut) * (payloadBytes + ENVELOPE_BYTES),
    /** Of all threads together, by what it is for. */
    busySeconds,
    threadBusy: Object.values(busySeconds).reduce((sum, part) => sum + part, 0) / servers,
    machineBytes: (clients / machines) * connectionBytes + threads * costs.threadBytes,
    machineBitsPerSecond:
      (8 * (packets * (PACKET_BYTES + FRAME_BYTES) + traffic.deliveries * payloadBytes)) / machines
  }
}

/** Deliveries to clients, and publications that a broker brings to servers, in a second. */
function spread(servers, load) {
  const { clients, topics, topicsPerClient, zipf, publicationsPerSecond, isPopular } = load
  const subscriptions = clients * topicsPerClient
  let deliveries = 0
  let forwarded = 0
  for (const { count, subscribers } of topicClasses({ topics, subscriptions, clients, zipf })) {
    const share = isPopular ? (count * subscribers) / subscriptions : count / topics
    deliveries += publicationsPerSecond * share * subscribers
    forwarded += publicationsPerSecond * share * otherServersReached(servers, subscribers)
  }
  return { deliveries, forwarded }
}

/**
 * The fewest machines of a kind that stay within `limits`: `busy` of a thread, `memory` of `machine.bytes`, `network` of
 * `machine.bitsPerSecond`, `connections` of a process. Null if no number of them does. With `bound`: what asks for the last of them.
 */
export function fit(machine, load, costs, limits) {
  let bound = 'one is enough'
  for (let machines = 1; machines <= MOST_MACHINES; machines++) {
    const result = calculate({ machines, threads: machine.threads }, load, costs)
    const reasons = {
      threads: result.threadBusy / limits.busy,
      memory: result.machineBytes / (machine.bytes * limits.memory),
      network: result.machineBitsPerSecond / (machine.bitsPerSecond * limits.network),
      descriptors: load.clients / machines / limits.connections
    }
    const worst = Object.keys(reasons).reduce((one, other) => (reasons[other] > reasons[one] ? other : one))
    if (reasons[worst] <= 1) return { machines, bound, ...result }
    bound = worst
  }
  return null
}

/**
 * A machine is lost, and its clients come to the others: how long they are busy with that alone, in seconds. `openSeconds`: CPU time of
 * a thread for one. Null if there is no other machine.
 */
export function storm({ machines, threads }, { clients }, openSeconds) {
  if (machines === 1) return null
  return ((clients / machines) * openSeconds) / ((machines - 1) * threads)
}
