// permessage-deflate with Debian's python3-websockets as the client.
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { DeflateMessage, type DeflateMessageOptions } from '../../src/index.js'
import { guard, serve } from '../support/harness.js'

guard()

const PYTHON = process.env.PYTHON_PATH ?? '/usr/bin/python3'
const CLIENT = join(import.meta.dirname, 'websockets-client.py')
const run = promisify(execFile)
const isThere = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0

/** Skips a test where the package is missing, saying why; on CI it fails. */
function needWebsockets({ skip }: TestContext): void {
  if (isThere) return
  const reason = `${PYTHON} has no websockets: apt-get install python3-websockets, or set PYTHON_PATH`
  if (process.env.CI === 'true') throw new Error(reason)
  skip(reason)
}

const KEEPING = { serverNoContextTakeover: false, clientNoContextTakeover: false } as const
const NONE_KEPT = 'server_no_context_takeover; client_no_context_takeover'
const window = (bits: number): [DeflateMessageOptions, object, string] => [
  { ...KEEPING, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
  { server_max_window_bits: bits, client_max_window_bits: bits },
  `server_max_window_bits=${bits}${bits === 15 ? '' : `; client_max_window_bits=${bits}`}`
]

describe('python3-websockets as client', () => {
  beforeEach(needWebsockets)

  it.each<[server: DeflateMessageOptions, client: object, answer: string]>([
    [{}, {}, NONE_KEPT],
    [{ thresholdBytes: 0 }, { client_max_window_bits: true }, NONE_KEPT],
    [KEEPING, { client_max_window_bits: true }, 'server_max_window_bits=12; client_max_window_bits=12'],
    [
      KEEPING,
      { server_no_context_takeover: true, client_no_context_takeover: true },
      `${NONE_KEPT}; server_max_window_bits=12; client_max_window_bits=12`
    ],
    [{}, { server_max_window_bits: 8 }, `${NONE_KEPT}; server_max_window_bits=8`],
    ...[9, 10, 11, 12, 13, 14, 15].map(window)
  ])('with %j and %j agrees on %s, and all comes back, in fragments too', async (server, client, answer) => {
    const { url } = await serve({
      extensions: [new DeflateMessage(server)],
      onmessage: (connection, message) => {
        const isLong = message.bytes.length > 5000 && message.bytes.length < 100_000
        connection.send(message, isLong ? { fragmentSize: 900 } : {})
      }
    })
    const { stdout } = await run(PYTHON, [CLIENT, url!, JSON.stringify(client)])
    expect(JSON.parse(stdout)).toEqual({
      answer: `permessage-deflate; ${answer}`,
      wrong: [],
      closeCode: 1000
    })
  })
})
