// Owns the drawing of the echo cases: a bar for each contender, in each case against the fastest of them.
// Written by hand: a dozen bars need no library. Must not measure.
import { VARIANT_LABELS } from './cases.mjs'

const WIDTH = 760
const LEFT = 8
const LABEL_WIDTH = 218
const BAR_WIDTH = 390
const ROW = 20
const TITLE = 26
const GAP = 16
const TOP = 62

/** As text, an SVG image that suits light and dark pages. `report`: what --json writes. */
export function drawChart({ machine, contenders, cases }) {
  const panels = cases.filter(({ measure }) => measure === 'echo').map(keepMeasured)
  let y = TOP
  const body = panels.map((panel) => {
    const drawn = drawPanel(panel, y)
    y += TITLE + panel.entries.length * ROW + GAP
    return drawn
  })
  const peers = contenders.find(({ name }) => name === 'ws')?.description ?? ''
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="title">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .heading { font-weight: 600 }
  .note { font-size: 12px; fill: #57606a }
  .bar { fill: #8c959f } .engine { fill: #0969da } .native { fill: #218bff } .js { fill: #80ccff } .face { fill: #8250df }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } }
</style>
<title id="title">Messages per second echoed by, or to, hotsocket's tiers and others</title>
${text(LEFT, 18, 'Messages echoed per second, one core for what is measured', 'heading')}
${text(LEFT, 36, `Node.js ${machine.node}, ${machine.cpu}`, 'note')}
${text(LEFT, 52, peers, 'note')}
${body.join('\n')}
</svg>
`
}

function keepMeasured({ title, entries }) {
  return { title, entries: entries.filter(({ medians }) => medians !== null) }
}

function drawPanel({ title, entries }, top) {
  const rates = entries.map(({ medians }) => medians.messagesPerSecond)
  const fastest = Math.max(...rates)
  const rows = entries.map((entry, index) => {
    const y = top + TITLE + index * ROW
    const width = Math.max(1, (rates[index] / fastest) * BAR_WIDTH)
    return [
      text(LEFT, y + 10, `${entry.label}${VARIANT_LABELS[entry.variant]}`),
      `<rect class="bar ${entry.contender}" x="${LABEL_WIDTH}" y="${y - 2}" width="${width.toFixed(1)}" height="14" rx="2"/>`,
      text(LABEL_WIDTH + width + 8, y + 10, describeRate(entry, entries))
    ].join('\n')
  })
  return [text(LEFT, top + 14, title, 'heading'), ...rows].join('\n')
}

function describeRate({ contender, variant, medians }, entries) {
  const rate = shorten(medians.messagesPerSecond)
  const base = entries.find((other) => other.contender === 'ws' && other.variant === variant)
  if (base === undefined || contender === 'ws') return rate
  const ratio = medians.messagesPerSecond / base.medians.messagesPerSecond
  return `${rate} (${ratio.toFixed(ratio < 9.95 ? 1 : 0)} x ws)`
}

function shorten(rate) {
  if (rate >= 1e6) return `${(rate / 1e6).toPrecision(3)} M`
  return rate >= 1e4 ? `${Math.round(rate / 1e3)} k` : `${Math.round(rate)}`
}

function text(x, y, content, className) {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const classes = className === undefined ? '' : ` class="${className}"`
  return `<text x="${x.toFixed(1)}" y="${y}"${classes}>${escaped}</text>`
}
