// permessage-deflate with Chromium as the client.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeflateMessage, type DeflateMessageOptions } from '../../src/index.js'
import { json } from '../extensions/deflate-pair.js'
import { guard, serve } from '../support/harness.js'
import { launchBrowser, needBrowser } from './chromium.js'
import { echoAll } from './in-page.js'

guard()

let browser: Browser | null = null
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe('Chromium', () => {
  beforeEach(needBrowser)

  it.each<[options: DeflateMessageOptions, agreed: string]>([
    [{}, 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
    [
      { serverNoContextTakeover: false, clientNoContextTakeover: false },
      'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12'
    ],
    [
      {
        serverNoContextTakeover: false,
        clientNoContextTakeover: false,
        serverMaxWindowBits: 9,
        clientMaxWindowBits: 10
      },
      'permessage-deflate; server_max_window_bits=9; client_max_window_bits=10'
    ],
    [
      { serverMaxWindowBits: 8 },
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8'
    ]
  ])('with %j agrees on %s; all comes back, in fragments too', async (options, agreed) => {
    const server = await serve({
      trustedOrigins: '*',
      extensions: [new DeflateMessage(options)],
      onmessage: (client, message) => {
        client.send(message)
        client.send(message, { fragmentSize: 500 })
      }
    })
    const page = await browser!.newPage()
    const texts = ['', 'a', 'ä€😀'.repeat(100), json(1024), json(1024), json(100_000), json(3_000_000)]
    const { extensions, wrong } = await page.evaluate(echoAll, { url: server.url!, texts })
    expect([extensions, wrong]).toEqual([agreed, []])
    await page.close()
  })
})
