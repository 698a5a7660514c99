// Owns the picture of what a fleet's threads do with their time: a bar for each case, in parts. Must not calculate.
const WIDTH = 760
const LEFT = 8
const BAR_WIDTH = 560
const BAR_HEIGHT = 18
const TOP = 74
const CASE_HEIGHT = 58
const LEGEND_STEP = 148

/** As in the model, with what stands in the legend, and colours for light and dark pages. */
const PARTS = [
  ['deliveries', 'deliveries', '#0969da'],
  ['forwarded', 'from the broker', '#bf8700'],
  ['publications', 'publications', '#1a7f37'],
  ['pings', 'pings', '#8250df'],
  ['heartbeats', 'heartbeats', '#cf222e']
]

/** As text, an SVG image. `results`: what bench/scale.mjs prints. */
export function drawFleets(results) {
  const cases = results.filter(({ result }) => result !== null)
  const most = Math.max(...cases.map(({ result }) => total(result)))
  const height = TOP + cases.length * CASE_HEIGHT
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title">
<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .heading { font-weight: 600 }
  .note { font-size: 12px; fill: #57606a }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9198a1 } }
</style>
<title id="title">CPU time that a fleet's threads need, by what it is for</title>
${text(LEFT, 18, 'What the threads are busy with: seconds of CPU time in a second, all machines together', 'heading')}
${PARTS.map(drawLegend).join('\n')}
${cases.map((one, index) => drawCase(one, TOP + index * CASE_HEIGHT, most)).join('\n')}
</svg>
`
}

function total({ busySeconds }) {
  return Object.values(busySeconds).reduce((sum, part) => sum + part, 0)
}

function drawLegend([, label, colour], index) {
  const x = LEFT + index * LEGEND_STEP
  return `${box(x, 34, 12, 12, colour)}\n${text(x + 18, 45, label, 'note')}`
}

function drawCase({ title, result }, y, most) {
  let x = LEFT
  const parts = PARTS.map(([name, , colour]) => {
    const width = (result.busySeconds[name] / most) * BAR_WIDTH
    const drawn = box(x, y + 20, width, BAR_HEIGHT, colour)
    x += width
    return drawn
  })
  const machines = `${result.machines} machine${result.machines === 1 ? '' : 's'}`
  return [
    text(LEFT, y + 12, title, 'heading'),
    ...parts,
    text(x + 8, y + 34, `${total(result).toPrecision(2)} s, ${machines}`)
  ].join('\n')
}

function box(x, y, width, height, colour) {
  return `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${height}" fill="${colour}"/>`
}

function text(x, y, content, className) {
  const classes = className === undefined ? '' : ` class="${className}"`
  return `<text x="${x.toFixed(1)}" y="${y}"${classes}>${content}</text>`
}
