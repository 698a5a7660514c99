// Owns the list of cases: what is measured, with which figures. Sizes for --quick stand beside the real ones.

/**
 * What servers do, the same for all contenders. `payload`: handlers read the payload, a JavaScript string for text and
 * bytes for binary, and send that. `received`: they send what they were given, unread. `reported`: as `payload`, and are
 * told when each message is with the kernel (hotsocket: onsent; ws: the callback of send). `attached`: as `payload`, on an
 * http.Server of the application. `tls`: as `payload`, over TLS. `deflate`: as `payload`, with permessage-deflate as each contender has it by default;
 * `deflate-1`, `deflate-6`: at that level of zlib; `deflate-takeover`: with contexts kept for all connections. `counted`: as `deflate`, but what is above 1 KiB is answered with its
 * length, unread. `topics`: a message is published to the others, of which the nth subscribes to topic n % 10; `all`: to topic 0,
 * to which all subscribe; `subscribed`: as `payload`, each client subscribes to 10 of 1 000 topics; `all-deflate`: the same, compressed, with no context kept. Of relays: the broker between the publisher's
 * server and the subscribers', `redis`, `nats`, or `memory` between threads.
 */
export const VARIANT_LABELS = {
  payload: '',
  received: ', as received',
  reported: ', told when sent',
  attached: '',
  tls: '',
  deflate: '',
  'deflate-1': ', level 1',
  'deflate-6': ', level 6',
  'deflate-takeover': '',
  counted: '',
  topics: '',
  subscribed: '',
  all: '',
  'all-deflate': '',
  redis: ', Redis',
  nats: ', NATS',
  memory: ', threads'
}

const DEFAULTS = {
  /**
   * Which of a contender's programs is measured: 'server'; 'client', which talks to the C++ echo; 'relay', two servers of which the
   * subscribers' one is.
   */
  role: 'server',
  variants: ['payload'],
  withCeiling: false,
  minRounds: 1,
  maxRounds: Number.POSITIVE_INFINITY,
  /** What a connection may take, so that no more are opened than there is memory for. */
  bytesEach: 20_000
}

const echo = (name, title, connections, inFlight, bytes, kind, more = {}) => ({
  name,
  title: `${title}, ${connections} connections x ${inFlight} in flight`,
  measure: 'echo',
  names: { connections, 'in-flight': inFlight, bytes, kind },
  variants: ['payload'],
  ...more
})

/** A browser's offer, and one that lets nobody keep a context between messages. */
const KEEP_CONTEXTS = 'permessage-deflate; client_max_window_bits'
const NO_CONTEXTS = 'permessage-deflate; client_no_context_takeover; server_no_context_takeover'

const deflateEcho = (name, title, connections, inFlight, json) => ({
  name,
  title: `${title}, permessage-deflate, ${connections} connections x ${inFlight} in flight`,
  measure: 'deflate',
  names: { connections, 'in-flight': inFlight, json, extensions: NO_CONTEXTS },
  variants: ['deflate', 'deflate-1', 'deflate-6']
})

const deflateIdle = (name, title, extensions, variant) => ({
  name,
  title: `Memory of connections with permessage-deflate, ${title}, before and after one echo of 1 KiB JSON each`,
  measure: 'idle',
  names: { connections: 10_000, json: 1024, extensions },
  // Of the most expensive contender.
  bytesEach: 400_000,
  quickNames: { connections: 200 },
  variants: [variant],
  maxRounds: 1
})

const clientEcho = (name, title, connections, inFlight, bytes, kind, more = {}) =>
  echo(name, `Client: ${title}`, connections, inFlight, bytes, kind, { role: 'client', ...ceiling, ...more })

const fanout = (name, title, inFlight, variant, names) => ({
  name,
  title: `Fan-out: ${title}, ${inFlight} in flight`,
  measure: 'fanout',
  names: { connections: 1000, topics: 1, 'in-flight': inFlight, ...names },
  quickNames: { connections: Math.min(50, names.connections ?? 50) },
  variants: [variant]
})

/** A publication's way: the publisher's server, the broker, the subscribers' server, all of them. */
const relay = (connections, inFlight) => ({
  ...fanout(
    `relay-${connections}-${inFlight}`,
    `128 B to ${connections} subscribers at another server`,
    inFlight,
    '',
    {
      ...TEXT_128,
      connections
    }
  ),
  role: 'relay',
  measure: 'relay',
  variants: ['redis', 'nats', 'memory']
})

const TEXT_128 = { kind: 'text', bytes: 128 }

const both = { variants: ['payload', 'received'] }
const ceiling = { withCeiling: true }

export const CASES = [
  echo('text-64', '64 B text', 200, 1, 64, 'text', ceiling),
  echo('text-64-pipelined', '64 B text', 100, 64, 64, 'text', { ...both, ...ceiling }),
  echo('binary-64-pipelined', '64 B binary', 100, 64, 64, 'binary', ceiling),
  echo('text-1k', '1 KiB text', 100, 4, 1024, 'text', ceiling),
  echo('binary-16k', '16 KiB binary', 50, 4, 16_384, 'binary', { ...both, ...ceiling }),
  // One round may be half as fast as the next.
  echo('binary-1m', '1 MiB binary', 8, 2, 1_048_576, 'binary', { ...both, ...ceiling, minRounds: 5 }),
  echo('utf8-64k', '64 KiB non-ASCII text', 50, 4, 65_536, 'utf8', both),
  echo('onsent', '64 B text', 100, 64, 64, 'text', { variants: ['payload', 'reported'] }),
  {
    name: 'idle',
    title: 'Memory of idle connections, before and after one echo each',
    measure: 'idle',
    names: { connections: 19_000 },
    quickNames: { connections: 300 },
    maxRounds: 2
  },
  {
    name: 'idle-topics',
    title: 'Memory of idle connections with 10 of 1 000 topics each, before and after one echo each',
    measure: 'idle',
    names: { connections: 10_000 },
    quickNames: { connections: 50 },
    variants: ['subscribed'],
    maxRounds: 1
  },
  {
    name: 'idle-tls',
    title: 'Memory of idle connections over TLS, before and after one echo each',
    measure: 'idle',
    names: { connections: 5000, tls: true },
    // Their clients take more.
    bytesEach: 200_000,
    quickNames: { connections: 50 },
    variants: ['tls'],
    maxRounds: 1
  },
  {
    name: 'reopen',
    title: 'Connections opened, used and closed in waves: memory above the start',
    measure: 'reopen',
    names: { connections: 10_000, waves: 10 },
    quickNames: { connections: 300, waves: 2 },
    maxRounds: 1
  },
  {
    name: 'handshakes',
    title: 'Connect, upgrade, close, 64 at a time',
    measure: 'handshakes',
    names: { connections: 64 }
  },
  {
    name: 'handshakes-attached',
    title: 'The same on an http.Server of the application',
    measure: 'handshakes',
    names: { connections: 64 },
    variants: ['attached']
  },
  {
    name: 'mute',
    title:
      '64 clients send 64 KiB messages, 1.5 GB in all, and never read; another client echoes 64 B beside them',
    measure: 'mute',
    names: { clients: 64, bytes: 65_536, 'total-bytes': 1_500_000_000, 'quiet-ms': 2000, 'limit-ms': 60_000 },
    quickNames: { clients: 8, bytes: 65_536, 'total-bytes': 24_000_000, 'quiet-ms': 200, 'limit-ms': 5000 },
    maxRounds: 1
  },
  {
    name: 'fairness',
    title: 'Echo of 64 B: a client alone, then beside one that floods the server with 64 B messages',
    measure: 'fairness',
    names: { bytes: 64 }
  },
  clientEcho('client-64', '64 B text', 100, 1, 64, 'text'),
  clientEcho('client-64-pipelined', '64 B text', 100, 64, 64, 'text'),
  clientEcho('client-1m', '1 MiB binary', 8, 2, 1_048_576, 'binary', { minRounds: 5 }),
  {
    name: 'client-handshakes',
    title: 'Client: connect, upgrade, close, 64 at a time',
    role: 'client',
    measure: 'handshakes',
    names: { connections: 64 },
    ...ceiling
  },
  deflateEcho('deflate-1k', '1 KiB JSON', 100, 4, 1024),
  deflateEcho('deflate-64k', '64 KiB JSON', 20, 2, 65_536),
  deflateIdle('deflate-idle', 'no context kept', NO_CONTEXTS, 'deflate'),
  deflateIdle('deflate-idle-takeover', 'contexts kept', KEEP_CONTEXTS, 'deflate-takeover'),
  {
    name: 'deflate-stall',
    title:
      'Echo of 64 B: a client alone, then beside one that sends 64 MiB of JSON, compressed, again and again',
    measure: 'stall',
    names: { json: 64 * 1024 * 1024, extensions: NO_CONTEXTS },
    quickNames: { json: 4 * 1024 * 1024 },
    variants: ['counted'],
    maxRounds: 2
  },
  fanout('fanout-1', '128 B to 1 000 subscribers', 1, 'all', TEXT_128),
  fanout('fanout-16', '128 B to 1 000 subscribers', 16, 'all', TEXT_128),
  fanout('fanout-deflate', '1 KiB JSON to 1 000 subscribers, permessage-deflate', 16, 'all-deflate', {
    json: 1024,
    extensions: NO_CONTEXTS
  }),
  fanout('fanout-topics', '128 B to one of 10 topics, 10 000 subscribers', 10, 'topics', {
    ...TEXT_128,
    connections: 10_000,
    topics: 10
  }),
  relay(1, 64),
  relay(100, 1),
  relay(1000, 1),
  relay(1000, 16)
].map((one) => ({ ...DEFAULTS, ...one }))
