// Owns how each kind of case is measured with one running server, which figures come out, and which columns show them.
import { LOAD, TLS_LOAD } from './contenders.mjs'
import { inflateFrame, jsonPayload, newFile } from './payload.mjs'
import { generate } from './process.mjs'

/** On top of what a run should take; contenders may be slow, but not for ever. */
const PATIENCE_MS = 60_000
/**
 * Opened, used and closed so often before memory is looked at: until code is compiled, and until V8's young generation has
 * grown to its full size, which otherwise counts as memory of the connections. Then as many are opened and stay, so that
 * what those before them have left behind is taken again when the measuring begins.
 */
export const WARM_CONNECTIONS = 500
const WARM_WAVES = 40
/** A handshake of TLS takes much longer, and leaves more behind. */
const TLS_WARM_CONNECTIONS = 100
const QUICK_WARM_WAVES = 1

/** What connections exchange that are to be looked at without extensions. */
const PLAIN = { kind: 'text', bytes: 64 }

const TLS_TRAFFIC = { ...PLAIN, generator: TLS_LOAD }

const warmConnections = (traffic) => (traffic === TLS_TRAFFIC ? TLS_WARM_CONNECTIONS : WARM_CONNECTIONS)

const MIB = 1024 * 1024

/** For a process id: the measured client's own. */
const ITSELF = 0

/**
 * `run` gives the figures of one round, with the server that is measured; or, in the cases of clients, with the one that they
 * talk to and the client that is. `columns`: heading, figure (a name, or a function of the figures), digits.
 * `ratios`: figures that ratios are of, with what stands before their headings; the first one is the headline.
 */
const ECHO_RATIOS = [
  ['', 'messagesPerSecond'],
  ['CPU ', 'cpuSecondsPerMillion']
]
const ECHO_COLUMNS = [
  ['messages/s', 'messagesPerSecond', 0],
  ['CPU s/M', 'cpuSecondsPerMillion', 4],
  ['p50 us', 'p50Us', 0],
  ['p99 us', 'p99Us', 0]
]

export const MEASURES = {
  echo: {
    run: runEcho,
    ratios: [...ECHO_RATIOS],
    columns: [...ECHO_COLUMNS]
  },
  deflate: {
    run: runDeflate,
    ratios: [...ECHO_RATIOS, ['B ', 'replyBytes']],
    columns: [...ECHO_COLUMNS, ['reply bytes', 'replyBytes', 0]]
  },
  idle: {
    run: runIdle,
    ratios: [
      ['', 'idleBytes'],
      ['used ', 'usedBytes']
    ],
    columns: [
      ['connections', 'connections', 0],
      ['start MiB', (figures) => figures.startBytes / MIB, 1],
      ['B each, idle', 'idleBytes', 0],
      ['B each, used', 'usedBytes', 0],
      ['CPU us to open', 'openUs', 0]
    ]
  },
  reopen: {
    run: runReopen,
    ratios: [],
    columns: [
      ['connections', 'connections', 0],
      ['start MiB', (figures) => figures.startBytes / MIB, 1],
      ['1st wave MiB', (figures) => figures.firstWaveBytes / MIB, 1],
      ['last wave MiB', (figures) => figures.lastWaveBytes / MIB, 1]
    ]
  },
  handshakes: {
    run: runHandshakes,
    ratios: [['', 'cpuUs']],
    columns: [
      ['connections/s', 'connectionsPerSecond', 0],
      ['CPU us each', 'cpuUs', 1],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0]
    ]
  },
  mute: {
    run: runMute,
    ratios: [],
    columns: [
      ['growth MiB', (figures) => figures.growthBytes / MIB, 1],
      ['offered MB', (figures) => figures.offeredBytes / 1e6, 0],
      ['accepted MB', (figures) => figures.acceptedBytes / 1e6, 0],
      ['echoes beside', 'probes', 0],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0],
      ['max us', 'maxUs', 0]
    ]
  },
  fairness: {
    run: runFairness,
    ratios: [['', 'floodedP99Us']],
    columns: [
      ['idle p50 us', 'idleP50Us', 0],
      ['p99 us', 'idleP99Us', 0],
      ['flooded p50', 'floodedP50Us', 0],
      ['p99 us', 'floodedP99Us', 0],
      ['max us', 'floodedMaxUs', 0],
      ['p50 to idle', (figures) => figures.floodedP50Us / figures.idleP50Us, 1],
      ['flood msg/s', 'floodPerSecond', 0],
      ['timer p99 ms', 'timerP99Ms', 1],
      ['max ms', 'timerMaxMs', 1]
    ]
  },
  fanout: {
    run: runFanout,
    ratios: [
      ['', 'deliveriesPerSecond'],
      ['CPU ', 'cpuSecondsPerMillion']
    ],
    columns: [
      ['deliveries/s', 'deliveriesPerSecond', 0],
      ['CPU s/M', 'cpuSecondsPerMillion', 4],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0],
      ['bytes each', 'replyBytes', 0]
    ]
  },
  relay: {
    run: runRelay,
    ratios: [
      ['', 'deliveriesPerSecond'],
      ['CPU ', 'cpuUs']
    ],
    columns: [
      ['publications/s', 'publicationsPerSecond', 0],
      ['deliveries/s', 'deliveriesPerSecond', 0],
      ['CPU us each', 'cpuUs', 1],
      ['publisher us', 'publisherUs', 1],
      ['broker us', 'brokerUs', 1],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0]
    ]
  },
  stall: {
    run: runStall,
    ratios: [['', 'busyP99Us']],
    columns: [
      ['idle p50 us', 'idleP50Us', 0],
      ['p99 us', 'idleP99Us', 0],
      ['busy p50 us', 'busyP50Us', 0],
      ['p99 us', 'busyP99Us', 0],
      ['max us', 'busyMaxUs', 0],
      ['ms a message', 'messageMs', 0]
    ]
  }
}

/** Names for load that say how long; `window` holds warmupMs, measureMs, and whether it is quick. */
const times = (window) => ({ 'warmup-ms': window.warmupMs, 'measure-ms': window.measureMs })

const patience = ({ warmupMs, measureMs }) => warmupMs + measureMs + PATIENCE_MS

async function runEcho(server, names, window, client) {
  const figures = await echo(server, names, window, client)
  if (server.variant === 'reported') await requireReports(server, figures.messages)
  return describeEcho(figures)
}

async function runFanout(server, names, window) {
  const figures = await fanout(server, names, window, () => {})
  return {
    deliveriesPerSecond: figures.deliveries / figures.seconds,
    cpuSecondsPerMillion: (figures.cpuSeconds / figures.deliveries) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us,
    replyBytes: figures.replyBytes
  }
}

async function runRelay(server, names, window) {
  const all = { ...names, ...server.names }
  const figures = await fanout(server, all, window, () => server.ask('ready'))
  const { publications, deliveries, seconds } = figures
  const each = (cpuSeconds) => (cpuSeconds / publications) * 1e6
  return {
    publicationsPerSecond: publications / seconds,
    deliveriesPerSecond: deliveries / seconds,
    cpuUs: each(figures.cpuSeconds),
    publisherUs: each(figures.publisherCpuSeconds),
    brokerUs: each(figures.brokerCpuSeconds),
    p50Us: figures.p50Us,
    p99Us: figures.p99Us
  }
}

/** `open`: is waited for when all are connected, before the first publication. */
async function fanout(server, { json, ...names }, window, open) {
  const payload = json === undefined ? {} : { 'payload-file': jsonPayload(json).file }
  const all = { port: server.port, pid: server.pid, ...names, ...payload, ...times(window) }
  const stages = { open, measured: () => {} }
  const { measured } = await generate(LOAD, 'fanout', all, patience(window), stages)
  if (measured.publications === 0) throw new Error('no publication reached all')
  return measured
}

async function requireReports(server, messages) {
  const { sentCount } = await server.ask('describe')
  if (sentCount < messages) throw new Error(`only ${sentCount} of ${messages} messages were reported as sent`)
}

/** What the generator cannot: to look into a compressed reply. It has made sure that all replies are the same. */
async function runDeflate(server, { json, ...names }, window) {
  const { text, file } = jsonPayload(json)
  const replyFile = newFile('reply')
  const files = { 'payload-file': file, 'reply-file': replyFile }
  const figures = await echo(server, { ...names, ...files }, window)
  if (inflateFrame(replyFile) !== text) throw new Error('a compressed echo differs from what was sent')
  return { ...describeEcho(figures), replyBytes: figures.replyBytes }
}

async function echo(server, names, window, client) {
  const figures = await exchange('echo', server, names, window, client)
  if (figures.messages === 0) throw new Error('no message was echoed')
  return figures
}

function describeEcho(figures) {
  return {
    messagesPerSecond: figures.messages / figures.seconds,
    cpuSecondsPerMillion: (figures.cpuSeconds / figures.messages) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us
  }
}

async function runHandshakes(server, names, window, client) {
  const figures = await exchange('churn', server, names, window, client)
  if (figures.connections === 0) throw new Error('no connection came to its end')
  return {
    connectionsPerSecond: figures.connections / figures.seconds,
    cpuUs: (figures.cpuSeconds / figures.connections) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us
  }
}

/** What is measured is the server, or the client if there is one. */
function exchange(mode, { port, pid }, names, window, client = null) {
  const all = { port, pid: client === null ? pid : ITSELF, ...names, ...times(window) }
  return generate(client ?? LOAD, mode, all, patience(window))
}

async function runIdle(server, { connections, ...more }, window) {
  const traffic = describeTraffic(more)
  await warmUp(server, traffic, window)
  let startBytes = 0
  let idleBytes = 0
  let usedBytes = 0
  let openCpuSeconds = 0
  const open = async () => {
    openCpuSeconds += server.cpuSeconds()
    idleBytes = (await server.settledBytes()) - startBytes
  }
  const used = async () => {
    usedBytes = (await server.settledBytes()) - startBytes
  }
  await hold(server, warmConnections(traffic), traffic, {
    used: async () => {
      startBytes = await server.settledBytes()
      openCpuSeconds = -server.cpuSeconds()
      await hold(server, connections, traffic, { open, used })
    }
  })
  return {
    connections,
    startBytes,
    idleBytes: idleBytes / connections,
    usedBytes: usedBytes / connections,
    openUs: (openCpuSeconds / connections) * 1e6
  }
}

async function runReopen(server, { connections, waves }, window) {
  await warmUp(server, PLAIN, window)
  const startBytes = await server.settledBytes()
  const waveBytes = []
  for (let wave = 0; wave < waves; wave++) {
    await hold(server, connections, PLAIN)
    waveBytes.push((await server.settledBytes()) - startBytes)
  }
  return {
    connections: connections * waves,
    startBytes,
    firstWaveBytes: waveBytes[0],
    lastWaveBytes: waveBytes.at(-1),
    waveBytes
  }
}

/** Names for the generator: a compressed message, or one that is not. */
function describeTraffic({ json, extensions, tls }) {
  if (tls) return TLS_TRAFFIC
  return json === undefined ? PLAIN : { 'payload-file': jsonPayload(json).file, extensions }
}

async function warmUp(server, traffic, { quick }) {
  const waves = quick ? QUICK_WARM_WAVES : WARM_WAVES
  for (let wave = 0; wave < waves; wave++) await hold(server, warmConnections(traffic), traffic)
}

/** Connections that are opened, used for one echo each, and closed; with something to do at each of these stages. */
function hold(server, connections, { generator = LOAD, ...traffic }, { open, used } = {}) {
  const nothing = () => {}
  const stages = { open: open ?? nothing, used: used ?? nothing, closed: nothing }
  return generate(generator, 'hold', { port: server.port, connections, ...traffic }, PATIENCE_MS, stages)
}

async function runMute(server, names, window) {
  await warmUp(server, PLAIN, window)
  const startBytes = await server.settledBytes()
  server.forgetPeak()
  const figures = await generate(
    LOAD,
    'mute',
    { port: server.port, ...names },
    names['limit-ms'] + PATIENCE_MS
  )
  return { ...figures, startBytes, growthBytes: server.peakBytes() - startBytes }
}

async function runFairness(server, names, window) {
  let timers = null
  const all = { port: server.port, ...names, ...times(window) }
  const { idle, flooded } = await generate(LOAD, 'flood', all, PATIENCE_MS, {
    idle: () => server.ask('lateness'),
    flooded: async () => {
      timers = await server.ask('lateness')
    }
  })
  return {
    idleP50Us: idle.p50Us,
    idleP99Us: idle.p99Us,
    floodedP50Us: flooded.p50Us,
    floodedP99Us: flooded.p99Us,
    floodedMaxUs: flooded.maxUs,
    floodPerSecond: flooded.floodMessages / flooded.seconds,
    timerP99Ms: timers.p99Ms,
    timerMaxMs: timers.maxMs
  }
}

async function runStall(server, { json, extensions }, window) {
  const all = {
    ...{ port: server.port, 'payload-file': jsonPayload(json).file, bytes: json, extensions },
    ...times(window)
  }
  const nothing = () => {}
  const { idle, busy } = await generate(LOAD, 'stall', all, PATIENCE_MS, { idle: nothing, busy: nothing })
  return {
    idleP50Us: idle.p50Us,
    idleP99Us: idle.p99Us,
    busyP50Us: busy.p50Us,
    busyP99Us: busy.p99Us,
    busyMaxUs: busy.maxUs,
    messageMs: (busy.seconds / busy.messages) * 1000
  }
}
