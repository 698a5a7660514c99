// An echo server on hotsocket. Usage: hotsocket.mjs VARIANT; HOTSOCKET_TIER chooses the tier. Prints its port.
import { createRequire } from 'node:module'
import { AsyncServer } from '../../dist/index.js'
import { answerHarness } from './answer-harness.mjs'

const { version } = createRequire(import.meta.url)('../../package.json')

let sentCount = 0
const echoPayload = (client, message) => client.send(message.payload)
const HANDLERS = {
  payload: { onmessage: echoPayload },
  received: { onmessage: (client, message) => client.send(message) },
  reported: {
    onmessage: echoPayload,
    onsent: () => {
      sentCount += 1
    }
  }
}

const server = new AsyncServer({
  ...HANDLERS[process.argv[2]],
  host: '127.0.0.1',
  // The peers send no pings of their own, either.
  pingIntervalMs: 0
})
await server.listen()
answerHarness(() => ({
  description: `hotsocket ${version}, tier ${server.tier}`,
  tier: server.tier,
  sentCount
}))
console.log(server.port)
