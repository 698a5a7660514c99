// Owns the list of cases: what is measured, with which figures. Sizes for --quick stand beside the real ones.

/**
 * What handlers do, the same for all contenders. `payload`: they read the payload, a JavaScript string for text and
 * bytes for binary, and send that. `received`: they send what they were given, unread. `reported`: as `payload`, and are
 * told when each message is with the kernel (hotsocket: onsent; ws: the callback of send).
 */
export const VARIANT_LABELS = { payload: '', received: ', as received', reported: ', told when sent' }

const echo = (name, title, connections, inFlight, bytes, kind, more = {}) => ({
  name,
  title: `${title}, ${connections} connections x ${inFlight} in flight`,
  measure: 'echo',
  names: { connections, 'in-flight': inFlight, bytes, kind },
  variants: ['payload'],
  ...more
})

const both = { variants: ['payload', 'received'] }
const ceiling = { withCeiling: true }

export const CASES = [
  echo('text-64', '64 B text', 200, 1, 64, 'text', ceiling),
  echo('text-64-pipelined', '64 B text', 100, 64, 64, 'text', { ...both, ...ceiling }),
  echo('binary-64-pipelined', '64 B binary', 100, 64, 64, 'binary', ceiling),
  echo('text-1k', '1 KiB text', 100, 4, 1024, 'text', ceiling),
  echo('binary-16k', '16 KiB binary', 50, 4, 16_384, 'binary', { ...both, ...ceiling }),
  echo('binary-1m', '1 MiB binary', 8, 2, 1_048_576, 'binary', { ...both, ...ceiling }),
  echo('utf8-64k', '64 KiB non-ASCII text', 50, 4, 65_536, 'utf8', both),
  echo('onsent', '64 B text', 100, 64, 64, 'text', { variants: ['payload', 'reported'] }),
  {
    name: 'idle',
    title: 'Memory of idle connections, before and after one echo each',
    measure: 'idle',
    names: { connections: 19_000 },
    quickNames: { connections: 300 },
    maxRounds: 3
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
    name: 'mute',
    title:
      '64 clients send 64 KiB messages, 1.5 GB in all, and never read; another client echoes 64 B beside them',
    measure: 'mute',
    names: { clients: 64, bytes: 65_536, 'total-bytes': 1_500_000_000, 'quiet-ms': 2000, 'limit-ms': 60_000 },
    quickNames: { clients: 8, bytes: 65_536, 'total-bytes': 24_000_000, 'quiet-ms': 200, 'limit-ms': 5000 },
    maxRounds: 3
  },
  {
    name: 'fairness',
    title: 'Echo of 64 B: a client alone, then beside one that floods the server with 64 B messages',
    measure: 'fairness',
    names: { bytes: 64 }
  }
].map((one) => ({ variants: ['payload'], withCeiling: false, maxRounds: Number.POSITIVE_INFINITY, ...one }))
