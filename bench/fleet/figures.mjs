// Owns what one thing costs: measured on one core of a virtual AMD EPYC, which others used, too, and rounded up. docs/SCALING.md tells
// which command measures what. Measure them on your machine before you buy others.

const US = 1e-6
const KIB = 1024

export const COSTS = {
  /** A publication's way to one client, with a write of its own: `--only fanout-1`. Several in one turn cost a fraction. */
  deliverySeconds: 8 * US,
  /** At the publisher's server: a message that came from a client, and went to the broker: `--only relay-1-64`. */
  publishSeconds: 15 * US,
  /** At a subscriber's server, what the broker brought, with its first delivery: `--only relay-1-64`. */
  receiveSeconds: 15 * US,
  /** Of the broker, for each message that it gets and each that it sends: `--only relay-1-64`. */
  brokerSeconds: 1.5 * US,
  /** A ping and its pong, as an echo of a small message: `--only text-64`. */
  pingSeconds: 15 * US,
  /** In the process: `--only idle`, `--only idle-tls`, `--only idle-topics`. */
  connectionBytes: 700,
  secureConnectionBytes: 32 * KIB,
  subscriptionBytes: 100,
  /** In the kernel, with empty queues: `node bench/kernel-memory.mjs`. */
  kernelBytes: 4300,
  /** A thread without clients. */
  threadBytes: 100 * KIB * KIB,
  /** To accept and shake hands: `--only handshakes` (48 us on a quiet machine, 130 beside others), `--only idle-tls`. */
  openSeconds: 100 * US,
  secureOpenSeconds: 1200 * US
}
