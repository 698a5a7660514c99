// An echo server under soak.mjs: answers in the ways an application might. HOTSOCKET_TIER chooses the tier. Prints its port.
import { readdirSync } from 'node:fs'
import { AsyncServer } from '../../dist/index.js'
import { answerHarness } from './answer-harness.mjs'

let messageCount = 0
let sentCount = 0

const server = new AsyncServer({
  host: '127.0.0.1',
  logLevel: 'silent',
  pingIntervalMs: 200,
  maxUnansweredPings: 1_000_000,
  highWatermarkBytes: 256 * 1024,
  lowWatermarkBytes: 32 * 1024,
  onmessage(client, message) {
    const way = messageCount++ % 23
    if (way === 1) client.send(message, { fragmentSize: 1 + (message.bytes.length >> 3) })
    else if (way === 2) client.send(message.payload)
    else client.send(message)
    if (way === 3) {
      client.pause()
      setTimeout(() => client.resume(), 5)
    }
  },
  onsent: () => {
    sentCount++
  }
})
await server.listen()
answerHarness(() => {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return {
    tier: server.tier,
    clientCount: server.clients.size,
    openFileCount: readdirSync('/proc/self/fd').length,
    messageCount,
    sentCount,
    heapBytes: heapUsed + external + arrayBuffers
  }
})
console.log(server.port)
