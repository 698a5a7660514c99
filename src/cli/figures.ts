// Owns which metrics the page charts, and how they come to it. Must not know how a chart looks.
import { METRICS, type Metric, type ServerMetrics } from '../index.js'

/** One metric at one moment. */
export interface Figure {
  /** As in `METRICS`. */
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly help: string
  /** A counter is charted per second, a histogram as the mean of what was added. */
  readonly kind: Metric['kind']
  /** Of a histogram 'sum' and 'count'; of others a value for each label, which is '' if there is but one. */
  readonly values: readonly { readonly label: string; readonly value: number }[]
}

const CHARTED = [
  'hotsocket_clients',
  'hotsocket_messages_total',
  'hotsocket_bytes_total',
  'hotsocket_queue_bytes',
  'hotsocket_round_trip_seconds'
]

/** What the page charts, in this order. */
export function figuresOf(metrics: ServerMetrics): Figure[] {
  return CHARTED.map((wanted) => {
    const metric = METRICS.find((one) => one.name === wanted)!
    const { name, title, unit, help, kind } = metric
    return { name, title, unit, help, kind, values: valuesOf(metric, metrics) }
  })
}

function valuesOf(metric: Metric, metrics: ServerMetrics): Figure['values'] {
  if (metric.kind !== 'histogram') {
    return metric
      .samples(metrics)
      .map(({ labels, value }) => ({ label: Object.values(labels).join(' '), value }))
  }
  const { sum = 0, count = 0 } = metric.counts(metrics) ?? {}
  return [
    { label: 'sum', value: sum },
    { label: 'count', value: count }
  ]
}
