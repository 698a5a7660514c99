// Owns the figures of one server at one moment, and where each comes from. Must not know who asks for them.
import type { BackplaneMetrics } from '../backplane/backplane.js'
import type { Connection } from '../connection.js'
import type { Counters } from '../core/counters.js'
import type { ErrorCode } from '../core/errors.js'
import { CompressionCounts, type Extension } from '../core/extension.js'
import type { HistogramCounts } from '../core/histogram.js'
import { threadEngine } from '../thread-engine.js'
import type { TopicCounts } from '../topics/topics.js'

/** What became of an opening handshake; 'lost': the client went before there was an answer. */
export type HandshakeOutcome = 'accepted' | 'lost' | ErrorCode

/** How many connections ended in one way. */
export interface CloseCount {
  /** Whose close frame, or whose failure, came first. */
  readonly initiator: 'local' | 'remote'
  /** As `onclose` gets it. */
  readonly code: number
  readonly count: number
}

/** Figures of one server. What is counted is counted since the server was made. */
export interface ServerMetrics {
  /** When they were taken, in ms of Unix time: divide the differences of two snapshots by the difference of these. */
  readonly atMs: number
  /** Open connections. */
  readonly clients: number
  /** By outcome; requests that were no handshakes do not count, nor do peers that never sent a byte. */
  readonly handshakes: Readonly<Partial<Record<HandshakeOutcome, number>>>
  readonly messages: {
    /** Whole messages that arrived. */
    readonly in: number
    /** Messages that `send` or `publish` accepted, each for each client. */
    readonly out: number
    /** Messages that `send` did not accept, because the connection was no longer open. */
    readonly refused: number
    /** Messages that were accepted and had not gone out when their connection ended. */
    readonly unsent: number
    /** Publications that were dropped for clients that do not keep up, each for each client. */
    readonly publicationsDropped: number
  }
  /** Bytes as they are on the wire, headers included; with TLS before it. */
  readonly bytes: { readonly in: number; readonly out: number }
  readonly queue: {
    /** Bytes that wait in the send queues of all clients. */
    readonly bytes: number
    /** About how many bytes of publications wait outside of these for clients that do not keep up: `overflow` 'drop-oldest' and 'latest'. */
    readonly publicationBytes: number
    /** Clients whose bytes the kernel has refused. */
    readonly clients: number
    /** For how long, in ms, the one of them that has waited longest has had no empty queue; 0 if there is none. */
    readonly oldestMs: number
  }
  /** Topics, and filters with wildcards, that somebody subscribes to. */
  readonly topics: number
  /** Of what joins it with other servers; null: nothing does. */
  readonly backplane: BackplaneMetrics | null
  readonly closes: readonly CloseCount[]
  /** Pings that were answered: after how many ms. */
  readonly roundTripsMs: HistogramCounts
  /** Of all extensions of the server that count it, as `DeflateMessage` does. An extension counts for all servers that have it. */
  readonly compression: Readonly<CompressionCounts> & {
    /** What went out, by what it was before: 0.25 is a quarter. Null before anything was compressed. */
    readonly ratioOut: number | null
    /** The same of what came in. */
    readonly ratioIn: number | null
  }
  /** Of the engine, which all servers of a thread share: rows (pieces of frames, and events) read at a time, and records (runs of bytes for one client) written at a time. Null on other tiers. */
  readonly batches: { readonly rows: HistogramCounts; readonly records: HistogramCounts } | null
  /** Of this thread's event loop since it began: time at work, time without work in ms, and the share of the former, 0 to 1. */
  readonly eventLoop: { readonly activeMs: number; readonly idleMs: number; readonly share: number }
}

/** What figures are taken from. */
export interface MetricsSource {
  readonly connections: ReadonlySet<Connection<unknown>>
  readonly counters: Counters
  readonly topics: TopicCounts
  readonly backplane: BackplaneMetrics | null
  readonly extensions: readonly Extension[]
}

/** Takes the figures of this moment; goes through all connections. */
export function takeMetrics(source: MetricsSource): ServerMetrics {
  const { connections, counters, topics, backplane, extensions } = source
  let queuedBytes = 0
  let publicationBytes = 0
  let bytesOut = counters.finishedBytesOut
  for (const connection of connections) {
    queuedBytes += connection.bufferedAmount
    publicationBytes += connection.waitingBytes
    bytesOut += connection.sentBytes
  }
  const engine = threadEngine()
  return {
    atMs: Date.now(),
    clients: connections.size,
    handshakes: Object.fromEntries(counters.handshakes),
    messages: {
      in: counters.messagesIn,
      out: counters.messagesOut,
      refused: counters.messagesRefused,
      unsent: counters.messagesUnsent,
      publicationsDropped: topics.droppedCount
    },
    bytes: { in: counters.bytesIn, out: bytesOut },
    queue: {
      bytes: queuedBytes,
      publicationBytes,
      clients: counters.waiting.size,
      oldestMs: oldestOf(counters)
    },
    topics: topics.size,
    backplane,
    closes: [...counters.closes].map(([key, count]) => toCloseCount(key, count)),
    roundTripsMs: counters.roundTrips.counts,
    compression: sumCompression(extensions),
    batches: engine === null ? null : { rows: engine.batchSizes.counts, records: engine.flushSizes.counts },
    eventLoop: readEventLoop()
  }
}

function oldestOf({ waiting }: Counters): number {
  const [since] = waiting.values()
  return since === undefined ? 0 : performance.now() - since
}

function toCloseCount(key: string, count: number): CloseCount {
  const [initiator, code] = key.split(' ')
  return { initiator: initiator as CloseCount['initiator'], code: Number(code), count }
}

function sumCompression(extensions: readonly Extension[]): ServerMetrics['compression'] {
  const sum = new CompressionCounts()
  for (const { compression } of extensions) {
    if (compression === undefined) continue
    for (const name of Object.keys(sum) as (keyof CompressionCounts)[]) sum[name] += compression[name]
  }
  return {
    ...sum,
    ratioOut: ratioOf(sum.codedBytesOut, sum.plainBytesOut),
    ratioIn: ratioOf(sum.codedBytesIn, sum.plainBytesIn)
  }
}

function ratioOf(coded: number, plain: number): number | null {
  return plain === 0 ? null : coded / plain
}

function readEventLoop(): ServerMetrics['eventLoop'] {
  // Not every runtime has it.
  const { active = 0, idle = 0, utilization = 0 } = performance.eventLoopUtilization?.() ?? {}
  return { activeMs: active, idleMs: idle, share: utilization }
}
