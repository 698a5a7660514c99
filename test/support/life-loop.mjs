// Servers that begin and end under load, again and again, in every way there is: node life-loop.mjs [count] [--no-threads]
// Prints how many ended and how many descriptors are left over; a crash speaks for itself. With --connections N: opens, uses
// and closes N connections instead, and prints how the memory has grown.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { AsyncServer } from '../../dist/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-threads': { type: 'boolean', default: false }, connections: { type: 'string' } }
})

const REQUEST = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  ''
].join('\r\n')
// Ten masked frames of 1000 bytes.
const FRAMES = Buffer.alloc(10_080)
for (let at = 0; at < FRAMES.length; at += 1008)
  FRAMES.set([0x82, 0xfe, 1000 >> 8, 1000 & 0xff, 1, 2, 3, 4], at)
const CLOSE = Buffer.from([0x88, 0x80, 1, 2, 3, 4])

const countFiles = () => readdirSync('/proc/self/fd').length

function openClient(port, bytes) {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(REQUEST)
  socket.write(bytes)
  return socket
}

/** Sends for as long as the socket lives. */
function flood(port) {
  const socket = openClient(port, FRAMES)
  socket.on('data', () => {
    if (socket.writableLength === 0) socket.write(FRAMES)
  })
  return socket
}

async function endThread(way) {
  const worker = new Worker(new URL('life-worker.mjs', import.meta.url), { workerData: way })
  // An uncaught throw is an 'error' first, for which `once` would reject.
  worker.on('error', () => {})
  const exited = new Promise((resolve) => worker.on('exit', resolve))
  const [port] = await once(worker, 'message')
  const sockets = Array.from({ length: 8 }, () => flood(port))
  if (way === 'terminate') {
    await delay(Math.random() * 20)
    await worker.terminate()
  }
  await exited
  await gone(sockets)
}

/** A server in this thread: close before, amid and after what its clients do. */
async function endServer(index, lifeMs = Math.random() * 10) {
  const server = new AsyncServer({
    host: '127.0.0.1',
    logLevel: 'silent',
    closeTimeoutMs: 20,
    onmessage: (client, message) => {
      client.send(message)
      if (index % 4 === 0) void server.close()
      if (index % 4 === 1) for (const other of server.clients) other.terminate()
      if (index % 4 === 2) void client.close()
    }
  })
  await server.listen()
  const sockets = Array.from({ length: 8 }, () => flood(server.port))
  await delay(lifeMs)
  const closed = server.close()
  if (index % 3 === 0) for (const client of server.clients) client.terminate()
  await Promise.all([closed, server.close()])
  await gone(sockets)
}

async function gone(sockets) {
  for (const socket of sockets) socket.destroy()
  await Promise.all(sockets.map((socket) => (socket.closed ? null : once(socket, 'close'))))
}

async function loop(count) {
  const ways = values['no-threads'] ? [] : ['exit', 'throw', 'close', 'terminate']
  const run = async (index) => {
    const way = ways[index % (ways.length + 1)]
    if (way === undefined) await endServer(index)
    else await endThread(way)
  }
  // What comes with the first of each stays.
  for (let index = 0; index <= ways.length; index++) await run(index)
  await endServer(3, 300)
  await delay(50)
  const before = countFiles()
  for (let index = 0; index < count; index++) await run(index)
  await delay(200)
  console.log(JSON.stringify({ ended: count, filesLeft: countFiles() - before }))
}

async function useConnections(count) {
  const server = new AsyncServer({
    host: '127.0.0.1',
    logLevel: 'silent',
    onmessage: (client, message) => {
      client.send(message)
    }
  })
  await server.listen()
  let opened = 0
  const useSome = async (limit) => {
    while (opened < limit) {
      opened++
      const socket = openClient(server.port, Buffer.concat([FRAMES, CLOSE]))
      socket.resume()
      await once(socket, 'close')
    }
  }
  const useMany = async (limit) => {
    await Promise.all(Array.from({ length: 50 }, () => useSome(limit)))
    while (server.clients.size > 0) await delay(5)
    for (let i = 0; i < 3; i++) {
      await delay(100)
      globalThis.gc()
    }
    const { rss, heapUsed, external } = process.memoryUsage()
    return { rss, heap: heapUsed + external, files: countFiles() }
  }
  // Pools and caches fill with the first ones.
  const before = await useMany(Math.min(5000, count / 4))
  const after = await useMany(count)
  await server.close()
  const growth = (name) => after[name] - before[name]
  console.log(
    JSON.stringify({
      opened,
      rssGrowth: growth('rss'),
      heapGrowth: growth('heap'),
      filesLeft: growth('files')
    })
  )
}

if (values.connections === undefined) await loop(Number(positionals[0] ?? 200))
else await useConnections(Number(values.connections))
process.exit(0)
