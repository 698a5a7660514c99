import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const example = join(root, 'docs/examples/core-over-arrays.mjs')

it('hotsocket/core runs a handshake and a conversation over a pair of arrays', async () => {
  const env = { ...process.env, HOTSOCKET_TIER: 'js' }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example], { cwd: root, env })
  expect(stderr).toBe('')
  expect(stdout.trimEnd().split('\n')).toEqual([
    'server: request for /chat, protocols chat',
    'client: open, protocol chat',
    'server: got "hello, wörld 👋"',
    'server: got 1000 bytes',
    'server: got "sent in frames of four bytes"',
    'server: got a ping, which is answered already',
    'client: got "hello, wörld 👋"',
    'client: got 1000 bytes',
    'client: got "sent in frames of four bytes"',
    'client: got the pong, in time',
    'server: closed with 1000 "done", clean, begun by remote',
    'client: closed with 1000 "", clean, begun by local'
  ])
})
