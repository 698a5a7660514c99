// An echo server on ws. Usage: ws.mjs VARIANT. Prints its port.
import { createRequire } from 'node:module'
import { WebSocketServer } from 'ws'
import { answerHarness } from './answer-harness.mjs'

const require = createRequire(import.meta.url)

let sentCount = 0
const onsent = () => {
  sentCount += 1
}
const HANDLERS = {
  payload: (client, data, isBinary) => client.send(isBinary ? data : data.toString()),
  received: (client, data, isBinary) => client.send(data, { binary: isBinary }),
  reported: (client, data, isBinary) => client.send(isBinary ? data : data.toString(), onsent)
}

const echo = HANDLERS[process.argv[2]]
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (client) => {
  client.on('message', (data, isBinary) => echo(client, data, isBinary))
  client.on('error', () => client.terminate())
})
server.on('listening', () => {
  answerHarness(() => ({ description: describe(), sentCount }))
  console.log(server.address().port)
})

/** Which addons ws has really loaded: it takes those that are there, and prefers Node's isUtf8 to utf-8-validate. */
function describe() {
  const addons = ['bufferutil', 'utf-8-validate'].map((name) => {
    const isLoaded = Object.keys(require.cache).some((file) => file.includes(name) && file.endsWith('.node'))
    return `${name} ${require(`${name}/package.json`).version}${isLoaded ? '' : ' (there, not used)'}`
  })
  return `ws ${require('ws/package.json').version} with ${addons.join(' and ')}`
}
