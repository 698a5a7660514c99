// Keeps the newest value of each sensor and draws them all ten times a second, however many come.
import UPlot from './uPlot.js'

const DRAW_INTERVAL_MS = 100
const MAX_POINTS = 600
const MIN_DELAY_MS = 500
const MAX_DELAY_MS = 30_000
const STABLE_AFTER_MS = 10_000
const COLOURS = ['#0b6bcb', '#b4530a', '#18794e', '#8a3ffc']

const $ = (id) => document.getElementById(id)
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** The newest value of each sensor, by kinds. */
const newest = new Map()
const charts = new Map()
let socket = null
let failures = 0
let receivedCount = 0
let ratedCount = 0
let lastAtMs = 0

/** Connects, and again whenever that is over, later each time, as `connectPersistently` of hotsocket does. */
function connect() {
  let openedAt = Number.POSITIVE_INFINITY
  $('connection').textContent = 'Connecting'
  socket = new WebSocket(new URL('pages', location.href.replace(/^http/, 'ws')))
  socket.onopen = () => {
    openedAt = performance.now()
    $('connection').textContent = 'Connected'
    for (const [kind, { isShown }] of charts) if (!isShown()) socket.send(`-${kind}`)
  }
  socket.onmessage = ({ data }) => take(JSON.parse(data))
  socket.onclose = ({ code }) => {
    if (performance.now() - openedAt > STABLE_AFTER_MS) failures = 0
    // A part of chance, so that all pages do not come back at the same moment.
    const delayMs = Math.random() * Math.min(MIN_DELAY_MS * 2 ** failures++, MAX_DELAY_MS)
    $('connection').textContent = `No connection (${code}), next try in ${Math.ceil(delayMs / 1000)} s`
    setTimeout(connect, delayMs)
  }
}

/** Nothing is drawn here: that would cost more than a value has time. */
function take({ sensor, value, atMs, reportCount, ask }) {
  if (ask) return socket.send('here')
  if (reportCount !== undefined) {
    $('reported').textContent = number.format(reportCount)
    return
  }
  const [kind, name] = sensor.split('/')
  if (!newest.has(kind)) newest.set(kind, new Map())
  newest.get(kind).set(name, value)
  receivedCount++
  lastAtMs = atMs
}

let drawnAtMs = performance.now()
let ratedAtMs = drawnAtMs

function draw(nowMs) {
  requestAnimationFrame(draw)
  if (nowMs - drawnAtMs < DRAW_INTERVAL_MS) return
  drawnAtMs = nowMs
  for (const [kind, values] of newest) {
    const known = charts.get(kind)
    if (known?.names.length === values.size) {
      known.add(values)
    } else {
      // A sensor that was not there before: the chart begins anew.
      known?.remove()
      charts.set(kind, makeChart(kind, [...values.keys()].sort()))
    }
  }
  if (nowMs - ratedAtMs < 1000) return
  $('rate').textContent = number.format(((receivedCount - ratedCount) / (nowMs - ratedAtMs)) * 1000)
  $('received').textContent = number.format(receivedCount)
  $('age').textContent = lastAtMs === 0 ? '–' : `${number.format(Math.max(0, Date.now() - lastAtMs))} ms`
  ratedCount = receivedCount
  ratedAtMs = nowMs
}

function makeChart(kind, names) {
  const section = document.createElement('section')
  const label = document.createElement('label')
  const box = document.createElement('input')
  box.type = 'checkbox'
  box.checked = true
  box.onchange = () => {
    if (socket.readyState === WebSocket.OPEN) socket.send(`${box.checked ? '+' : '-'}${kind}`)
  }
  label.append(box, ` ${kind}`)
  section.append(label)
  section.setAttribute('aria-label', kind)
  $('charts').append(section)

  const data = [[], ...names.map(() => [])]
  const plot = new UPlot(
    {
      width: section.clientWidth,
      height: 200,
      series: [
        {},
        ...names.map((label, index) => ({
          label,
          stroke: COLOURS[index % COLOURS.length],
          points: { show: false }
        }))
      ],
      // Without a pointer the legend shows the newest values.
      legend: { live: true }
    },
    data,
    section
  )
  new ResizeObserver(() => plot.setSize({ width: section.clientWidth, height: 200 })).observe(section)
  return {
    names,
    isShown: () => box.checked,
    remove: () => section.remove(),
    add(values) {
      if (!box.checked) return
      for (const [index, value] of [Date.now() / 1000, ...names.map((name) => values.get(name))].entries()) {
        data[index].push(value)
        if (data[index].length > MAX_POINTS) data[index].shift()
      }
      plot.setData(data)
      if (plot.cursor.idx == null) plot.setLegend({ idx: data[0].length - 1 })
    }
  }
}

connect()
requestAnimationFrame(draw)
