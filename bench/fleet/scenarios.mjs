// Owns what is calculated if nothing else is asked for: ways in which a million clients may be used.

const GIB = 1024 ** 3

/** What one machine is. */
export const MACHINE = { threads: 8, bytes: 16 * GIB, bitsPerSecond: 10e9 }

/** How much of it may be used on average: the rest is for peaks, and for the clients of a machine that fails. */
export const LIMITS = { busy: 0.5, memory: 0.6, network: 0.5, connections: 1_000_000 }

export const DEFAULTS = {
  clients: 1_000_000,
  topics: 1,
  topicsPerClient: 1,
  zipf: 0,
  publicationsPerSecond: 1,
  payloadBytes: 128,
  isPopular: false,
  isSecure: false,
  pingSeconds: 30,
  heartbeatSeconds: 5
}

export const SCENARIOS = [
  {
    title: 'one topic for all, one publication a second',
    load: {}
  },
  {
    title: 'notifications: a topic for each client, one a minute',
    load: { topics: 1_000_000, publicationsPerSecond: 1_000_000 / 60 }
  },
  {
    title: 'chat: 50 000 rooms of 20, everybody writes once a minute',
    load: { topics: 50_000, publicationsPerSecond: 1_000_000 / 60, isPopular: true }
  },
  {
    title: 'prices: 10 of 1 000 topics each (Zipf 1), every topic once a second',
    load: { topics: 1000, topicsPerClient: 10, zipf: 1, publicationsPerSecond: 1000 }
  }
]
