// A dashboard: sensors report thousands of values per second, and each page shows the newest as fast as it can take them.
// Run: node docs/examples/dashboard/server.mjs, and node docs/examples/dashboard/sensors.mjs
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { AsyncServer } from 'hotsocket'

const KINDS = ['temperature', 'pressure', 'load']
const SENSOR = new RegExp(`^(${KINDS.join('|')})/[\\w-]{1,32}$`)
/** How long a page may take to answer; more than a round trip. */
const MAX_LATE_MS = 200
const ASK_INTERVAL_MS = 50

/** What each sensor has reported last. */
const newest = new Map()
/** How many reports have come. */
let reportCount = 0

/** Pages. For one that does not keep up a value takes the place of the one before that waits, of the same sensor. */
const pages = new AsyncServer({
  overflow: 'latest',
  maxMessageBytes: 64,

  onhandshake: () => ({ data: { kinds: new Set(KINDS), isLate: false, timer: null } }),

  onopen(client) {
    for (const kind of KINDS) show(client, kind)
    ask(client)
  },

  // '+pressure' and '-pressure': what the page shows from now on; 'here': the answer to what it was asked.
  onmessage(client, { payload }) {
    const { kinds, isLate } = client.data
    const kind = payload.slice(1)
    if (payload === 'here') return goOn(client)
    if (!KINDS.includes(kind)) return void client.close(1008, 'there is no such kind of sensor')
    if (payload[0] === '+') {
      kinds.add(kind)
      if (!isLate) show(client, kind)
    } else {
      kinds.delete(kind)
      client.unsubscribe(`sensors/${kind}`)
    }
  },

  onclose: ({ data }) => clearTimeout(data.timer)
})

/** Sends the newest values of a kind, and from now on all. */
function show(client, kind) {
  if (!client.subscribe(`sensors/${kind}`)) return
  for (const [sensor, reading] of newest) if (sensor.startsWith(`${kind}/`)) client.send(reading)
}

/**
 * Kernels and browsers take megabytes for a page that does not keep up, which is many seconds of values, before any has to wait
 * here. So a page is asked, behind what it was sent, and gets nothing more if it does not answer in time.
 */
function ask(client) {
  client.send('{"ask":true}')
  client.data.timer = setTimeout(() => {
    client.data.isLate = true
    for (const topic of client.topics) client.unsubscribe(topic)
  }, MAX_LATE_MS)
}

/** It has got all that it was sent before it was asked: what it missed since is of no use, and the newest comes first. */
function goOn(client) {
  const { data } = client
  clearTimeout(data.timer)
  if (data.isLate) for (const kind of data.kinds) show(client, kind)
  data.isLate = false
  data.timer = setTimeout(ask, ASK_INTERVAL_MS, client)
}

/** Sensors: each says in its URL which one it is, and sends numbers. Who may be one is a matter of the option `auth`. */
const sensors = new AsyncServer({
  maxMessageBytes: 32,
  maxConnections: 1000,

  onhandshake({ query }) {
    const sensor = query.get('sensor') ?? ''
    return SENSOR.test(sensor)
      ? { data: { sensor, topic: `sensors/${sensor.split('/')[0]}` } }
      : { status: 400 }
  },

  onmessage(client, { payload }) {
    const { sensor, topic } = client.data
    const value = typeof payload === 'string' ? Number.parseFloat(payload) : Number.NaN
    if (!Number.isFinite(value)) return void client.close(1008, 'that is no number')
    const reading = JSON.stringify({ sensor, value, atMs: Date.now() })
    newest.set(sensor, reading)
    reportCount++
    pages.publish(topic, reading, { key: sensor })
  },

  onclose: ({ data }) => newest.delete(data.sensor)
})

/** Once a second pages are told how much there was to be had. */
setInterval(() => {
  pages.broadcast(JSON.stringify({ reportCount }), { key: 'reportCount' })
  reportCount = 0
}, 1000)

/** What is served, by path. */
const files = new Map()
for (const [path, specifier, type] of [
  ['/', './page.html', 'text/html'],
  ['/page.css', './page.css', 'text/css'],
  ['/page.js', './page.js', 'text/javascript'],
  ['/uPlot.css', 'uplot/dist/uPlot.min.css', 'text/css'],
  ['/uPlot.js', 'uplot/dist/uPlot.esm.js', 'text/javascript']
])
  files.set(path, { type, body: await readFile(new URL(import.meta.resolve(specifier))) })

const http = createServer(({ url }, response) => {
  const file = files.get(url)
  if (file === undefined) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': `${file.type}; charset=utf-8` }).end(file.body)
})
pages.attach(http, { path: '/pages' })
sensors.attach(http, { path: '/sensors' })

http.listen(Number(process.env.PORT ?? 8000), '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${http.address().port}/`)
)
