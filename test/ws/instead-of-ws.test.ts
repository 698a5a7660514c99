// The loader hotsocket/instead-of-ws: who asks for `ws`, by import or require, anywhere in the process, gets the facade.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../run-node.js'
import { install, RUNTIMES, whyNoRuntimes } from '../runtimes/install.js'
import { linkBuild } from '../support/ecosystem.js'

const FILES = {
  'node_modules/in-cjs/index.js': "module.exports = require('ws')",
  'node_modules/in-esm/package.json': '{ "type": "module", "exports": "./index.js" }',
  'node_modules/in-esm/index.js': "export { default, Sender } from 'ws'",
  // ws itself, and a package whose name begins like it.
  'node_modules/ws-not/index.js': "module.exports = 'not ws'",
  'worker.cjs':
    "require('node:worker_threads').parentPort.postMessage(require('ws').Server === require('hotsocket/ws').Server)",
  'app.mjs': `
    import { createRequire } from 'node:module'
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    import WebSocket, { createWebSocketStream, WebSocketServer } from 'ws'
    import * as facade from 'hotsocket/ws'
    import inCjs from 'in-cjs'
    import inEsm, { Sender } from 'in-esm'
    const require = createRequire(import.meta.url)
    const dynamic = await import('ws')
    const given = [WebSocket, WebSocketServer.prototype.constructor, inCjs, inEsm, require('ws'), require('ws').WebSocket, dynamic.default]
    const expected = [facade.WebSocket, facade.WebSocketServer]
    const named = [createWebSocketStream === facade.createWebSocketStream, Sender === facade.Sender, inCjs.Server === facade.WebSocketServer]
    const [worker] = await once(new Worker('./worker.cjs'), 'message')
    console.log(JSON.stringify({
      isOurs: given.map((value) => expected.includes(value)),
      named,
      worker,
      resolved: import.meta.resolve('ws') === import.meta.resolve('hotsocket/ws'),
      untouched: [require('ws/package.json').name, require('ws-not')]
    }))`,
  'app.cjs': `
    const WebSocket = require('ws')
    import('ws').then(({ default: imported, WebSocketServer }) => {
      const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' }, () => {
        const client = new imported('ws://127.0.0.1:' + server.address().port)
        client.on('message', (data) => { console.log(String(data), WebSocketServer === WebSocket.Server); client.close(); server.close() })
      })
      server.on('connection', (socket) => socket.send('hello'))
    })`
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotsocket-loader-'))
  for (const name of ['in-cjs', 'in-esm', 'ws-not'])
    mkdirSync(join(folder, 'node_modules', name), { recursive: true })
  for (const [path, text] of Object.entries(FILES)) writeFileSync(join(folder, path), text)
  cpSync(join(root, 'node_modules', 'ws'), join(folder, 'node_modules', 'ws'), { recursive: true })
  linkBuild(join(folder, 'node_modules', 'hotsocket'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(binary: string, path: string) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HOTSOCKET_|NODE_OPTIONS)/.test(name))
  const env = { ...Object.fromEntries(inherited), NO_COLOR: '1' }
  const child = spawn(binary, ['--import', 'hotsocket/instead-of-ws', path], {
    cwd: folder,
    env,
    timeout: 30_000
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (text: Buffer) => {
      output[name] += text.toString()
    })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...output }
}

describe.each(RUNTIMES.filter(({ name }) => name === 'node'))(
  'Node.js $version',
  { timeout: 150_000 },
  (runtime) => {
    async function findBinary(skip: (why: string) => never): Promise<string> {
      const reason = whyNoRuntimes()
      if (reason !== null) return skip(reason)
      return install(runtime).catch((error: Error) => {
        if (process.env.CI) throw error
        return skip(error.message)
      })
    }

    it('gives the facade to all who ask for ws, and to nobody else', async ({ skip }) => {
      const { status, stdout, stderr } = await run(await findBinary(skip), 'app.mjs')
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(JSON.parse(stdout)).toEqual({
        isOurs: Array(7).fill(true),
        named: [true, true, true],
        worker: true,
        resolved: true,
        untouched: ['ws', 'not ws']
      })
    })

    it('serves and connects in CommonJS', async ({ skip }) => {
      const ended = await run(await findBinary(skip), 'app.cjs')
      expect(ended).toEqual({ status: 0, stdout: 'hello true\n', stderr: '' })
    })
  }
)
