// Owns the way of metrics into a registry of the application's `prom-client`, which is no dependency of this package. Must
// not know how the registry shows them.
import { WebSocketError } from '../core/errors.js'
import { describe } from '../core/message.js'
import { METRICS, type Metric } from './metric-table.js'
import type { ServerMetrics } from './server-metrics.js'

/** What a `Registry` of `prom-client` is asked for (version 14 or newer). */
export interface MetricsRegistry {
  registerMetric(metric: RegisteredMetric): void
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
}

/** A metric as a registry of `prom-client` asks for it. */
export interface RegisteredMetric {
  get(): Promise<unknown>
}

/** Somebody who has metrics. */
export interface MeteredServer {
  metrics(): ServerMetrics
}

/** Options of `AsyncServer.exportMetrics`. */
export interface ExportOptions {
  /** Labels of all values of this server, e.g. `{ server: 'chat' }`. Default: none. */
  labels?: Labels
}

type Labels = Readonly<Record<string, string>>

/** The servers of one registry: they share its metrics. */
class Exported {
  /** With their labels. */
  readonly servers = new Map<MeteredServer, Labels>()
  readonly #metrics = METRICS.map((metric) => new ExportedMetric(metric, this))
  #snapshots: readonly (readonly [Labels, ServerMetrics])[] | null = null

  /** The figures of all, taken once however many metrics the registry asks for at a time. */
  get snapshots(): readonly (readonly [Labels, ServerMetrics])[] {
    if (this.#snapshots === null) {
      this.#snapshots = [...this.servers].map(([server, labels]) => [labels, server.metrics()] as const)
      queueMicrotask(() => {
        this.#snapshots = null
      })
    }
    return this.#snapshots
  }

  /** Whether the registry has them; it may have been cleared. */
  isIn(registry: MetricsRegistry): boolean {
    const [first] = this.#metrics
    return registry.getSingleMetric(first!.name) === first
  }

  /** Puts all metrics into a registry, or none. Throws WebSocketError 'invalid-argument'. */
  register(registry: MetricsRegistry): void {
    const registered: string[] = []
    try {
      for (const metric of this.#metrics) {
        registry.registerMetric(metric)
        registered.push(metric.name)
      }
    } catch (cause) {
      // Something else has one of the names.
      for (const name of registered) registry.removeSingleMetric(name)
      const detail = `the registry does not take the metrics of a server: ${(cause as Error).message}`
      throw new WebSocketError('invalid-argument', { detail, cause })
    }
  }
}

const exportedTo = new WeakMap<MetricsRegistry, Exported>()

/** See `AsyncServer.exportMetrics`. */
export function exportMetrics(
  server: MeteredServer,
  registry: MetricsRegistry,
  { labels = {} }: ExportOptions
): () => void {
  if (typeof registry?.registerMetric !== 'function') {
    const detail = `exportMetrics takes a Registry of prom-client, not ${describe(registry)}`
    throw new WebSocketError('invalid-argument', { detail })
  }
  const known = exportedTo.get(registry)
  const exported = known?.isIn(registry) ? known : new Exported()
  const { servers } = exported
  for (const [other, taken] of servers) {
    if (other !== server && sortedText(taken) !== sortedText(labels)) continue
    const detail = `the registry has metrics of a server with the labels ${JSON.stringify(taken)} already; give this one others`
    throw new WebSocketError('invalid-argument', { detail })
  }
  if (exported !== known) {
    exported.register(registry)
    exportedTo.set(registry, exported)
  }
  servers.set(server, { ...labels })
  return () => {
    if (!servers.delete(server) || servers.size > 0 || exportedTo.get(registry) !== exported) return
    exportedTo.delete(registry)
    for (const { name } of METRICS) registry.removeSingleMetric(name)
  }
}

interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** One metric of all servers of a registry, read when the registry asks. */
class ExportedMetric implements RegisteredMetric {
  /** The registry may change it. */
  name: string
  readonly help: string
  readonly type: Metric['kind']
  /** How prom-client puts together what the workers of a cluster have. */
  readonly aggregator: 'sum' | 'max' | 'min'
  readonly #metric: Metric
  readonly #exported: Exported

  constructor(metric: Metric, exported: Exported) {
    this.name = metric.name
    this.help = metric.help
    this.type = metric.kind
    this.aggregator = (metric.kind === 'gauge' ? metric.aggregator : undefined) ?? 'sum'
    this.#metric = metric
    this.#exported = exported
  }

  async get() {
    const { name, help, type, aggregator } = this
    const values: Value[] = []
    for (const [labels, metrics] of this.#exported.snapshots) {
      for (const value of valuesOf(this.#metric, metrics, name))
        values.push({ ...value, labels: { ...labels, ...value.labels } })
    }
    return { name, help, type, aggregator, values }
  }

  /** Counts belong to the server and are never set back. */
  reset(): void {}
}

function valuesOf(metric: Metric, metrics: ServerMetrics, name: string): readonly Value[] {
  if (metric.kind !== 'histogram') return metric.samples(metrics)
  const counts = metric.counts(metrics)
  if (counts === null) return []
  return [
    ...counts.buckets.map(({ upTo, count }) => bucketOf(name, upTo, count)),
    bucketOf(name, '+Inf', counts.count),
    { metricName: `${name}_sum`, labels: {}, value: counts.sum },
    { metricName: `${name}_count`, labels: {}, value: counts.count }
  ]
}

function bucketOf(name: string, le: number | string, value: number): Value {
  return { metricName: `${name}_bucket`, labels: { le }, value }
}

function sortedText(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort())
}
