// Owns the names of all metrics: with unit, meaning, and which figure of a snapshot each is. Must not know who shows them.
import type { HistogramCounts } from '../core/histogram.js'
import type { ServerMetrics } from './server-metrics.js'

/** One value of a metric. */
export interface Sample {
  /** What tells it from the metric's other values, as `{ direction: 'in' }`. */
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Described {
  /** As in Prometheus: 'hotsocket_messages_total'. */
  readonly name: string
  /** For people: 'Messages'. */
  readonly title: string
  /** What it counts or measures: 'messages', 'bytes', 'seconds'. */
  readonly unit: string
  readonly help: string
}

/** A metric that only grows ('counter'), or goes up and down ('gauge'). */
export interface PlainMetric extends Described {
  readonly kind: 'counter' | 'gauge'
  /** How the values of several processes become one. Default 'sum'. */
  readonly aggregator?: 'max' | 'min'
  samples(metrics: ServerMetrics): readonly Sample[]
}

/** A metric that counts values by their size. */
export interface HistogramMetric extends Described {
  readonly kind: 'histogram'
  /** In the metric's unit; null where nothing counts it. */
  counts(metrics: ServerMetrics): HistogramCounts | null
}

/** Any metric. */
export type Metric = PlainMetric | HistogramMetric

/** What may become of publications between servers. */
const FATES = ['published', 'received', 'dropped', 'repeated', 'refused'] as const

/** All metrics of a server. */
export const METRICS: readonly Metric[] = [
  {
    name: 'hotsocket_clients',
    title: 'Clients',
    kind: 'gauge',
    unit: 'clients',
    help: 'Open connections.',
    samples: (metrics) => one(metrics.clients)
  },
  {
    name: 'hotsocket_handshakes_total',
    title: 'Handshakes',
    kind: 'counter',
    unit: 'handshakes',
    help: 'Opening handshakes by outcome: accepted, lost, or the code of the error for which they were refused.',
    samples: ({ handshakes }) =>
      Object.entries(handshakes).map(([outcome, value]) => ({ labels: { outcome }, value }))
  },
  {
    name: 'hotsocket_messages_total',
    title: 'Messages',
    kind: 'counter',
    unit: 'messages',
    help: 'Whole messages that arrived, and messages that were accepted for sending.',
    samples: ({ messages }) => both(messages.in, messages.out)
  },
  {
    name: 'hotsocket_messages_dropped_total',
    title: 'Messages dropped',
    kind: 'counter',
    unit: 'messages',
    help: 'Messages that did not go out: refused by a connection that was not open, unsent when it ended, or publications dropped for a slow client.',
    samples: ({ messages: { refused, unsent, publicationsDropped } }) => [
      { labels: { reason: 'refused' }, value: refused },
      { labels: { reason: 'unsent' }, value: unsent },
      { labels: { reason: 'publication' }, value: publicationsDropped }
    ]
  },
  {
    name: 'hotsocket_bytes_total',
    title: 'Bytes',
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes on the wire, headers included, before TLS.',
    samples: ({ bytes }) => both(bytes.in, bytes.out)
  },
  {
    name: 'hotsocket_queue_bytes',
    title: 'Queue',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Bytes that wait in the send queues of all clients.',
    samples: ({ queue }) => one(queue.bytes)
  },
  {
    name: 'hotsocket_queue_publication_bytes',
    title: 'Publications that wait',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Publications that wait outside of the send queues for clients that do not keep up, as overflow says.',
    samples: ({ queue }) => one(queue.publicationBytes)
  },
  {
    name: 'hotsocket_queue_clients',
    title: 'Clients that wait',
    kind: 'gauge',
    unit: 'clients',
    help: 'Clients whose bytes the kernel has refused.',
    samples: ({ queue }) => one(queue.clients)
  },
  {
    name: 'hotsocket_queue_age_seconds',
    title: 'Queue age',
    kind: 'gauge',
    aggregator: 'max',
    unit: 'seconds',
    help: 'For how long the client that has waited longest has had no empty send queue.',
    samples: ({ queue }) => one(queue.oldestMs / 1000)
  },
  {
    name: 'hotsocket_topics',
    title: 'Topics',
    kind: 'gauge',
    unit: 'topics',
    help: 'Topics and filters that somebody subscribes to.',
    samples: ({ topics }) => one(topics)
  },
  {
    name: 'hotsocket_backplane_up',
    title: 'Backplane',
    kind: 'gauge',
    aggregator: 'min',
    unit: 'connections',
    help: '1 while publications reach other servers and come from there, 0 while they do not. Absent without a backplane.',
    samples: ({ backplane }) => (backplane === null ? [] : one(Number(backplane.state === 'connected')))
  },
  {
    name: 'hotsocket_backplane_servers',
    title: 'Servers',
    kind: 'gauge',
    aggregator: 'max',
    unit: 'servers',
    help: 'Servers that are joined by the backplane, this one included, as far as it knows.',
    samples: ({ backplane }) => (backplane === null ? [] : one(backplane.servers))
  },
  {
    name: 'hotsocket_backplane_publications_total',
    title: 'Publications between servers',
    kind: 'counter',
    unit: 'publications',
    help: 'Publications by what became of them: published to others, received from others, dropped as the broker was away or slow; and what came and was repeated, or refused as nothing that servers send.',
    samples: ({ backplane }) =>
      backplane === null ? [] : FATES.map((fate) => ({ labels: { fate }, value: backplane[fate] }))
  },
  {
    name: 'hotsocket_backplane_bytes_total',
    title: 'Bytes between servers',
    kind: 'counter',
    unit: 'bytes',
    help: 'Payload of publications from other servers (in) and to them (out).',
    samples: ({ backplane }) =>
      backplane === null ? [] : both(backplane.receivedBytes, backplane.publishedBytes)
  },
  {
    name: 'hotsocket_closes_total',
    title: 'Connections closed',
    kind: 'counter',
    unit: 'connections',
    help: 'Connections that ended, by who began it and by close code.',
    samples: ({ closes }) =>
      closes.map(({ initiator, code, count }) => ({ labels: { initiator, code: `${code}` }, value: count }))
  },
  {
    name: 'hotsocket_round_trip_seconds',
    title: 'Round trip',
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time from a ping to its pong.',
    counts: ({ roundTripsMs }) => divide(roundTripsMs, 1000)
  },
  {
    name: 'hotsocket_compression_bytes_total',
    title: 'Compression',
    kind: 'counter',
    unit: 'bytes',
    help: 'Payload that extensions compressed (out) and decompressed (in): plain and coded; coded by plain is the ratio.',
    samples: ({ compression }) => [
      { labels: { direction: 'out', form: 'plain' }, value: compression.plainBytesOut },
      { labels: { direction: 'out', form: 'coded' }, value: compression.codedBytesOut },
      { labels: { direction: 'in', form: 'plain' }, value: compression.plainBytesIn },
      { labels: { direction: 'in', form: 'coded' }, value: compression.codedBytesIn }
    ]
  },
  {
    name: 'hotsocket_batch_rows',
    title: 'Rows of a batch',
    kind: 'histogram',
    unit: 'rows',
    help: 'Pieces of frames, and events, that the engine of the thread has read at a time.',
    counts: ({ batches }) => batches?.rows ?? null
  },
  {
    name: 'hotsocket_flush_records',
    title: 'Records of a flush',
    kind: 'histogram',
    unit: 'records',
    help: 'Runs of bytes, each for one client, that the engine of the thread has written at a time.',
    counts: ({ batches }) => batches?.records ?? null
  },
  {
    name: 'hotsocket_event_loop_seconds_total',
    title: 'Event loop',
    kind: 'counter',
    unit: 'seconds',
    help: "Time that the thread's event loop was at work (active) and had none (idle).",
    samples: ({ eventLoop }) => [
      { labels: { state: 'active' }, value: eventLoop.activeMs / 1000 },
      { labels: { state: 'idle' }, value: eventLoop.idleMs / 1000 }
    ]
  }
]

function one(value: number): readonly Sample[] {
  return [{ labels: {}, value }]
}

function both(arrived: number, sent: number): readonly Sample[] {
  return [
    { labels: { direction: 'in' }, value: arrived },
    { labels: { direction: 'out' }, value: sent }
  ]
}

function divide({ buckets, count, sum }: HistogramCounts, divisor: number): HistogramCounts {
  return {
    buckets: buckets.map((bucket) => ({ upTo: bucket.upTo / divisor, count: bucket.count })),
    count,
    sum: sum / divisor
  }
}
