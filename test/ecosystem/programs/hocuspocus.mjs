// Owns Hocuspocus' job: authentication, two documents that become the same, a stateless message, and the end of the server.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { Server } from '@hocuspocus/server'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { inbox, report, whose } from './support.mjs'

const stateless = inbox()
const server = new Server({
  address: '127.0.0.1',
  port: 0,
  quiet: true,
  stopOnSignals: false,
  onAuthenticate: async ({ token }) => {
    if (token !== 'secret') throw new Error('wrong token')
  },
  onStateless: async ({ payload, document }) => document.broadcastStateless(`all: ${payload}`)
})
await server.listen()

function open(token) {
  const url = `ws://127.0.0.1:${server.address.port}`
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
  const document = new Y.Doc()
  const provider = new HocuspocusProvider({ websocketProvider, name: 'doc', document, token })
  provider.attach()
  const end = () => {
    provider.destroy()
    websocketProvider.destroy()
    document.destroy()
  }
  return { provider, document, list: document.getArray('list'), end }
}

const when = (provider, event) => new Promise((resolve) => provider.on(event, resolve))

const [a, b] = [open('secret'), open('secret')]
await Promise.all([a, b].map(({ provider }) => when(provider, 'synced')))
const result = { ws: whose('@hocuspocus/server', '@hocuspocus/provider') }
const updates = inbox()
b.document.on('update', updates.push)
a.list.push(['one', 'two'])
await updates.next()
result.list = b.list.toJSON()
b.provider.on('stateless', ({ payload }) => stateless.push(payload))
a.provider.sendStateless('hello')
result.stateless = await stateless.next()

const stranger = open('wrong')
result.refused = (await when(stranger.provider, 'authenticationFailed')).reason
for (const { end } of [stranger, a, b]) end()
await server.destroy()
report(result)
