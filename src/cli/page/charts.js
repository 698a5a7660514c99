// Owns the charts of the last two minutes: what they are made of, and how they look. Must not know where figures come from.
import UPlot from 'uplot'

const MAX_POINTS = 120
const HEIGHT = 84
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 })
const COLOURS = ['--accent', '--second']

/** By the name of the metric. */
const charts = new Map()
let before = null

/** Takes the figures of a moment; null: there are none, and what follows has no relation to what was before. */
export function showCharts(status) {
  if (status !== null) {
    for (const figure of status.figures) {
      const chart = charts.get(figure.name) ?? makeChart(figure)
      chart.add(status.atMs / 1000, toPoint(figure, status.atMs))
    }
  }
  before = status
}

/** What a chart shows of a figure: per second, on average (in ms), or as it is; null where nothing can be said. */
function toPoint({ name, kind, values }, atMs) {
  const now = values.map(({ value }) => value)
  if (kind === 'gauge') return now
  const last = before?.figures.find((one) => one.name === name)?.values.map(({ value }) => value)
  // A server that was started anew counts from zero.
  if (last === undefined || last.some((value, index) => value > now[index]))
    return kind === 'histogram' ? [null] : now.map(() => null)
  const grown = now.map((value, index) => value - last[index])
  if (kind === 'histogram') return [grown[1] === 0 ? null : (1000 * grown[0]) / grown[1]]
  const seconds = (atMs - before.atMs) / 1000
  return grown.map((value) => (seconds > 0 ? value / seconds : null))
}

function makeChart(figure) {
  const labels = figure.kind === 'histogram' ? [''] : figure.values.map(({ label }) => label)
  const title = figure.kind === 'counter' ? `${figure.title} per second` : figure.title
  const element = document.createElement('figure')
  const caption = document.createElement('figcaption')
  const name = document.createElement('span')
  name.textContent = title
  const legend = document.createElement('span')
  legend.className = 'legend'
  const texts = labels.map((label, index) => {
    const text = document.createElement('span')
    text.dataset.series = String(index)
    text.title = label
    legend.append(text)
    return text
  })
  caption.append(name, legend)
  const canvas = document.createElement('div')
  canvas.className = 'canvas'
  canvas.setAttribute('role', 'img')
  element.title = figure.help
  element.append(caption, canvas)
  document.getElementById('charts').append(element)

  const data = [[], ...labels.map(() => [])]
  const plot = new UPlot(options(labels.length, canvas.clientWidth), data, canvas)
  new ResizeObserver(() => plot.setSize({ width: canvas.clientWidth, height: HEIGHT })).observe(canvas)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw())

  const chart = {
    add(atSeconds, point) {
      for (const [index, value] of [atSeconds, ...point].entries()) {
        data[index].push(value)
        if (data[index].length > MAX_POINTS) data[index].shift()
      }
      plot.setData(data)
      const words = labels.map((label, index) =>
        `${label} ${describe(lastOf(data[index + 1]), figure.unit)}`.trim()
      )
      for (const [index, text] of texts.entries()) text.textContent = words[index]
      canvas.setAttribute('aria-label', `${title}, the last two minutes. Now: ${words.join(', ')}`)
    }
  }
  charts.set(figure.name, chart)
  return chart
}

function options(seriesCount, width) {
  const quiet = () => colour('--quiet')
  return {
    width,
    height: HEIGHT,
    padding: [6, 4, 4, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (_, from, to) => [Math.min(from, to - MAX_POINTS + 1), to] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] }
    },
    axes: [
      { show: false },
      {
        size: 40,
        gap: 4,
        space: 26,
        font: '11px system-ui, sans-serif',
        stroke: quiet,
        ticks: { show: false },
        grid: { stroke: () => colour('--line'), width: 1 },
        values: (_, ticks) => ticks.map((tick) => compact.format(tick))
      }
    ],
    series: [
      {},
      ...Array.from({ length: seriesCount }, (_, index) => ({
        stroke: () => colour(COLOURS[index]),
        width: 1.5,
        spanGaps: true,
        points: { show: false }
      }))
    ]
  }
}

/** A round trip comes only now and then: the last one stays. */
function lastOf(values) {
  return values.findLast((value) => value !== null) ?? null
}

function describe(value, unit) {
  if (value === null) return '–'
  if (unit === 'seconds') return `${compact.format(value)} ms`
  return unit === 'bytes' ? `${compact.format(value)}B` : compact.format(value)
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
