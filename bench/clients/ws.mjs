// A client on ws, or on what WS_MODULE names in its place, that is measured: see load.mjs.
import { once } from 'node:events'
import { runClient } from './load.mjs'

const { WebSocket } = await import(process.env.WS_MODULE ?? 'ws')

await runClient(async (url, onmessage, onclose) => {
  // hotsocket offers it only if it is asked to.
  const client = new WebSocket(url, { perMessageDeflate: false })
  client.on('message', (data, isBinary) => onmessage(isBinary ? data : data.toString()))
  client.on('close', onclose)
  await once(client, 'open')
  return client
})
