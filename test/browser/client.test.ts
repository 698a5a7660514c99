// Chromium as the client of an AsyncServer: messages, subprotocols, close codes, TLS.
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { AsyncServerOptions } from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { guard, pattern, recorder, serve, until } from '../support/harness.js'
import { launchBrowser, needBrowser } from './chromium.js'
import { converse } from './in-page.js'

guard()

let browser: Browser | null = null
let context: BrowserContext | null = null
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())
beforeEach(needBrowser)
afterEach(() => context?.close())

/** A server that echoes and notes what happens, and a page that may connect to it. */
async function open(options: AsyncServerOptions = {}) {
  const { lines, handlers } = recorder()
  const received: (string | Uint8Array)[] = []
  const server = await serve({
    ...handlers,
    trustedOrigins: '*',
    onmessage: (client, message) => {
      received.push(message.payload)
      client.send(message)
    },
    ...options
  })
  context = await browser!.newContext({ ignoreHTTPSErrors: true })
  return { server, url: server.url!, page: await context.newPage(), lines, received }
}

const BYE = { code: 1000, reason: 'bye' }

describe('Chromium', () => {
  it('§5.6 exchanges text', async () => {
    const texts = ['Hello', '', 'Grüße, 漢字 😀', 'ä€😀x'.repeat(14_000), 'x'.repeat(1_048_576)]
    const { url, page, received } = await open()
    const { wrong } = await page.evaluate(converse, { url, messages: texts, close: BYE })
    expect([received, wrong]).toEqual([texts, []])
  })

  it.each(['arraybuffer', 'blob'] as const)('§5.6 exchanges binary as %s', async (binaryType) => {
    const payloads = [0, 125, 126, 65_535, 65_536, 1_048_576].map((byteLength) => pattern(byteLength))
    const { url, page, received } = await open()
    const messages = payloads.map((payload) => ({ base64: payload.toString('base64') }))
    const { wrong } = await page.evaluate(converse, { url, messages, binaryType, close: BYE })
    expect(wrong).toEqual([])
    expect(received.map((payload, index) => payloads[index]!.equals(payload as Uint8Array))).toEqual(
      payloads.map(() => true)
    )
  })

  it.each([
    [1000, 'bye'],
    [3000, 'grüße'],
    [4999, 'x'.repeat(123)],
    [null, '']
  ])('§7.4 closes with %s and %j', async (code, reason) => {
    const { url, page, lines } = await open()
    const { closed } = await page.evaluate(converse, { url, messages: ['Hello'], close: { code, reason } })
    await until(() => lines.length === 2, 'the end')
    expect(lines[1]).toBe(`close ${code ?? 1005} "${reason}" clean remote null`)
    // It answers with the code alone (RFC 6455 §5.5.1).
    expect(closed).toEqual({ code: code ?? 1005, reason: '', wasClean: true })
  })

  it.each([
    [1000, 'bye'],
    [1001, ''],
    [3000, 'grüße'],
    [4999, 'x'.repeat(123)],
    [null, '']
  ])('§7.4 is closed with %s and %j', async (code, reason) => {
    const { url, page, lines } = await open({ onopen: (client) => void client.close(code, reason) })
    const { closed } = await page.evaluate(converse, { url, messages: [], close: null })
    expect(closed).toEqual({ code: code ?? 1005, reason, wasClean: true })
    await until(() => lines.length === 1, 'the end')
    expect(lines[0]).toMatch(new RegExp(`^close ${code ?? 1005} ".*" clean local null$`))
  })

  it('§1.9 agrees on a subprotocol', async () => {
    const { url, page } = await open({ protocols: ['chat', 'superchat'] })
    const offer = { url, protocols: ['unknown', 'superchat'], messages: ['Hello'], close: BYE }
    expect((await page.evaluate(converse, offer)).protocol).toBe('superchat')
  })

  it('§4.1 fails where the server speaks none of its subprotocols', async () => {
    const { url, page } = await open({ protocols: ['chat'] })
    const offer = { url, protocols: ['unknown'], messages: ['Hello'], close: BYE }
    const { protocol, closed } = await page.evaluate(converse, offer)
    expect([protocol, closed]).toEqual([null, { code: 1006, reason: '', wasClean: false }])
  })

  it('is failed with 1009 for a message above maxMessageBytes', async () => {
    const { url, page, lines } = await open({ maxMessageBytes: 1000 })
    const { closed } = await page.evaluate(converse, { url, messages: ['x'.repeat(1001)], close: null })
    expect(closed.code).toBe(1009)
    await until(() => lines.length === 3, 'the end')
    expect(lines[1]).toBe('error frame-too-big')
  })

  it('speaks wss:', async () => {
    const { url, page, received } = await open({ tls: await certificate() })
    expect(new URL(url).protocol).toBe('wss:')
    const messages = ['secret', { base64: pattern(1_048_576).toString('base64') }]
    const { wrong, closed } = await page.evaluate(converse, { url, messages, close: BYE })
    expect([wrong, closed, received.length]).toEqual([[], { code: 1000, reason: '', wasClean: true }, 2])
  })
})
