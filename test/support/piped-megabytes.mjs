// Sends one message of so many MiB to a server in another process that pipes it back as it comes, and tells by how much the
// memory of both grew meanwhile, in MiB, at most: node --expose-gc piped-megabytes.mjs 1024 [write|frame]. HOTSOCKET_TIER as always.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { AsyncServer, connect } from '../../dist/index.js'

const MIB = 1024 * 1024
const WARM_UP_BYTES = 32 * MIB
const CHUNK = Buffer.alloc(64 * 1024, 'abcdefghijklmnop')
const limits = { maxMessageBytes: 2 ** 40, maxFragments: 2 ** 30, logLevel: 'silent' }

if (process.send === undefined) await measure(Number(process.argv[2]), process.argv[3])
else await serve()

/**
 * Watches the process's memory until it is asked for: by how many MiB it grew, at most. `live`: what was in use, looked at
 * with garbage collected, which V8 by itself lets lie up to some 32 MiB of array buffers; `resident`: with garbage and all.
 */
function watchMemory() {
  const liveBytes = () => {
    // The buffers that one collection finds dead are freed in the background; the next one waits for that.
    gc()
    gc()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = { live: liveBytes(), resident: process.memoryUsage.rss() }
  const peak = { ...before }
  const timers = [
    setInterval(() => {
      peak.resident = Math.max(peak.resident, process.memoryUsage.rss())
    }, 2),
    setInterval(() => {
      peak.live = Math.max(peak.live, liveBytes())
    }, 100)
  ]
  const toMiB = (bytes) => Math.round((bytes / MIB) * 10) / 10
  return () => {
    for (const timer of timers) clearInterval(timer)
    return { live: toMiB(peak.live - before.live), resident: toMiB(peak.resident - before.resident) }
  }
}

async function serve() {
  const server = new AsyncServer({
    ...limits,
    host: '127.0.0.1',
    async onmessagebegin(client, message) {
      const writer = client.beginMessage(message.kind)
      for await (const chunk of message) await writer.write(chunk)
      await writer.end()
    }
  })
  await server.listen()
  process.send({ port: server.port, tier: server.tier })
  let growth = null
  process.on('message', (message) => {
    if (message === 'watch') growth = watchMemory()
    process.send({ growth: message === 'watch' ? null : growth() })
  })
  process.on('disconnect', () => server.close())
}

async function measure(megabytes, way) {
  const server = fork(fileURLToPath(import.meta.url), { execArgv: ['--expose-gc'] })
  const ask = async (message) => {
    server.send(message)
    return (await once(server, 'message'))[0].growth
  }
  const [{ port, tier }] = await once(server, 'message')
  let received = 0
  let faults = 0
  let handleEnd = () => {}
  const client = await connect(`ws://127.0.0.1:${port}`, {
    ...limits,
    onframedata(_, bytes) {
      const last = received + bytes.length - 1
      // The pattern goes round every 16 bytes.
      if (bytes[0] !== 97 + (received & 15) || bytes.at(-1) !== 97 + (last & 15)) faults++
      received += bytes.length
    },
    onmessageend: () => handleEnd()
  })
  const roundTrip = async (byteLength) => {
    received = 0
    const isBack = new Promise((resolve) => {
      handleEnd = resolve
    })
    const writer = client.beginMessage()
    const write = way === 'frame' ? writer.frame(byteLength, true) : (piece) => writer.write(piece)
    for (let sent = 0; sent < byteLength; sent += CHUNK.length) await write(CHUNK)
    await writer.end()
    await isBack
    if (received !== byteLength) faults++
  }
  // What is made once, code above all, is there already.
  await roundTrip(WARM_UP_BYTES)
  await ask('watch')
  const growth = watchMemory()
  const start = performance.now()
  await roundTrip(megabytes * MIB)
  const seconds = Math.round(performance.now() - start) / 1000
  const ofClient = growth()
  const ofServer = await ask('tell')
  await client.close()
  server.disconnect()
  await once(server, 'exit')
  console.log(JSON.stringify({ tier, faults, ofServer, ofClient, seconds }))
}
