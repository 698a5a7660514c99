// Owns how each kind of case is measured on one running server, which figures come out, and which columns show them.
import { NATIVE_BUILD } from './contenders.mjs'
import { generate } from './process.mjs'

const LOAD = `${NATIVE_BUILD}/load`
/** On top of what a run should take; servers may be slow, but not for ever. */
const PATIENCE_MS = 60_000
/** Opened, used and closed before memory is looked at, so that code is compiled and pools are filled. */
const WARM_CONNECTIONS = 200

const MIB = 1024 * 1024

/**
 * `run` gives the figures of one round. `columns`: heading, figure (a name, or a function of the figures), digits.
 * `headline`: the figure that ratios are of, or null.
 */
export const MEASURES = {
  echo: {
    run: runEcho,
    headline: 'messagesPerSecond',
    columns: [
      ['messages/s', 'messagesPerSecond', 0],
      ['CPU s/M', 'cpuSecondsPerMillion', 4],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0]
    ]
  },
  idle: {
    run: runIdle,
    headline: 'idleBytes',
    columns: [
      ['connections', 'connections', 0],
      ['start MiB', (figures) => figures.startBytes / MIB, 1],
      ['B each, idle', 'idleBytes', 0],
      ['B each, used', 'usedBytes', 0]
    ]
  },
  reopen: {
    run: runReopen,
    headline: null,
    columns: [
      ['connections', 'connections', 0],
      ['start MiB', (figures) => figures.startBytes / MIB, 1],
      ['1st wave MiB', (figures) => figures.firstWaveBytes / MIB, 1],
      ['last wave MiB', (figures) => figures.lastWaveBytes / MIB, 1]
    ]
  },
  handshakes: {
    run: runHandshakes,
    headline: 'cpuUs',
    columns: [
      ['connections/s', 'connectionsPerSecond', 0],
      ['CPU us each', 'cpuUs', 1],
      ['p50 us', 'p50Us', 0],
      ['p99 us', 'p99Us', 0]
    ]
  },
  mute: {
    run: runMute,
    headline: null,
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
    headline: 'floodedP99Us',
    columns: [
      ['idle p50 us', 'idleP50Us', 0],
      ['p99 us', 'idleP99Us', 0],
      ['flooded p50', 'floodedP50Us', 0],
      ['p99 us', 'floodedP99Us', 0],
      ['max us', 'floodedMaxUs', 0],
      ['flood msg/s', 'floodPerSecond', 0],
      ['timer p99 ms', 'timerP99Ms', 1],
      ['max ms', 'timerMaxMs', 1]
    ]
  }
}

/** Names for load that say how long; `window` holds warmupMs and measureMs. */
const times = (window) => ({ 'warmup-ms': window.warmupMs, 'measure-ms': window.measureMs })

async function runEcho(server, names, window) {
  const { port, pid } = server
  const timeoutMs = window.warmupMs + window.measureMs + PATIENCE_MS
  const figures = await generate(LOAD, 'echo', { port, pid, ...names, ...times(window) }, timeoutMs)
  if (figures.messages === 0) throw new Error('no message was echoed')
  return {
    messagesPerSecond: figures.messages / figures.seconds,
    cpuSecondsPerMillion: (figures.cpuSeconds / figures.messages) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us
  }
}

async function runHandshakes(server, names, window) {
  const { port, pid } = server
  const timeoutMs = window.warmupMs + window.measureMs + PATIENCE_MS
  const figures = await generate(LOAD, 'churn', { port, pid, ...names, ...times(window) }, timeoutMs)
  if (figures.connections === 0) throw new Error('no connection came to its end')
  return {
    connectionsPerSecond: figures.connections / figures.seconds,
    cpuUs: (figures.cpuSeconds / figures.connections) * 1e6,
    p50Us: figures.p50Us,
    p99Us: figures.p99Us
  }
}

async function runIdle(server, { connections }) {
  const startBytes = await warmBytes(server)
  let idleBytes = 0
  let usedBytes = 0
  await hold(server, connections, {
    open: async () => {
      idleBytes = (await server.settledBytes()) - startBytes
    },
    used: async () => {
      usedBytes = (await server.settledBytes()) - startBytes
    }
  })
  return { connections, startBytes, idleBytes: idleBytes / connections, usedBytes: usedBytes / connections }
}

async function runReopen(server, { connections, waves }) {
  const startBytes = await warmBytes(server)
  const waveBytes = []
  for (let wave = 0; wave < waves; wave++) {
    await hold(server, connections)
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

async function warmBytes(server) {
  await hold(server, WARM_CONNECTIONS)
  return server.settledBytes()
}

/** Connections that are opened, used for one echo each, and closed; with something to do at each of these stages. */
function hold(server, connections, { open, used } = {}) {
  const nothing = () => {}
  const stages = { open: open ?? nothing, used: used ?? nothing, closed: nothing }
  return generate(LOAD, 'hold', { port: server.port, connections }, PATIENCE_MS, stages)
}

async function runMute(server, names) {
  await hold(server, WARM_CONNECTIONS)
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
