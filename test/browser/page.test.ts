import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type Served, startServe } from '../cli/cli-process.js'
import { launchBrowser, needBrowser } from './chromium.js'
import { describeFocus, describeWidth, hasColour, tryToConnect } from './in-page.js'
import { Tab } from './tab.js'

let browser: Browser | null
let context: BrowserContext | null = null
let served: Served | null = null
beforeEach(needBrowser)
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())
afterEach(async () => {
  await context?.close()
  await served?.cli.stop('SIGKILL')
  context = served = null
})

describe('two tabs', () => {
  test('see what either of them says, as text, with who said it', async () => {
    const [one, two] = await openTabs(2)
    await one.say('Good morning')
    await two.messages(1)
    await two.say('Guten Morgen 👋🏽 e\u0301 \u202Eabc <b onclick="x()">not bold</b> &amp;')
    const [seenByOne, seenByTwo] = [await one.messages(2), await two.messages(2)]
    const lines = [
      ['Good morning'],
      ['Guten Morgen 👋🏽 e\u0301 \u202Eabc <b onclick="x()">not bold</b> &amp;']
    ]
    expect(seenByOne.map((message) => message.lines)).toEqual(lines)
    expect(seenByTwo.map((message) => message.lines)).toEqual(lines)
    expect(seenByOne.map(({ isMine }) => isMine)).toEqual([true, false])
    expect(seenByTwo.map(({ isMine }) => isMine)).toEqual([false, true])
    expect([seenByOne[0]!.sender, seenByTwo[1]!.sender]).toEqual(['You', 'You'])
    expect(seenByOne[1]!.sender).toMatch(/^[\da-f]{8}$/)
    expect([...one.faults, ...two.faults]).toEqual([])
  })

  test('get 1 MiB of binary intact', async () => {
    const [one, two] = await openTabs(2)
    const bytes = randomBytes(1024 * 1024)
    await one.sendFile('random.bin', bytes)
    const preview = `${bytes
      .subarray(0, 24)
      .toString('hex')
      .replace(/..(?!$)/g, '$& ')} …`
    const digest = `SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`
    for (const tab of [one, two]) {
      await tab.messages(1)
      await tab.page.getByText(digest).waitFor()
      expect((await tab.messages(1))[0]!.lines).toEqual(['1,048,576 bytes', preview, digest])
    }
  })

  test('see the figures and each other', async () => {
    const [one, two] = await openTabs(2)
    await expect
      .poll(() => one.figures())
      .toEqual({
        Clients: '2',
        'Messages per second': '0',
        'Bytes queued': '0',
        Tier: expect.stringMatching(/^(engine|native|js)$/)
      })
    const users = one.page.getByRole('region', { name: 'Connected' }).getByRole('listitem')
    expect(await users.allTextContents()).toEqual([
      expect.stringMatching(/^[\da-f]{8}you127\.0\.0\.1, since .+$/),
      expect.stringMatching(/^[\da-f]{8}127\.0\.0\.1, since .+$/)
    ])
    await two.page.close()
    await expect.poll(async () => (await one.figures()).Clients).toBe('1')
    await expect.poll(() => users.count()).toBe(1)
  })
})

describe('the charts', () => {
  test('follow what happens, second by second, and say it in words, too', async () => {
    const [tab] = await openTabs(1)
    const charts = tab.page.getByRole('region', { name: 'Charts of the last two minutes' })
    const figures = charts.getByRole('figure')
    await expect
      .poll(() => figures.locator('figcaption > span:first-child').allTextContents())
      .toEqual(['Clients', 'Messages per second', 'Bytes per second', 'Queue', 'Round trip'])
    const words = (name: string) => charts.getByRole('img', { name }).getAttribute('aria-label')
    await expect.poll(() => words('Clients')).toBe('Clients, the last two minutes. Now: 1')
    const client = new WebSocket(served!.socketUrl)
    await once(client, 'open')
    await expect.poll(() => words('Clients')).toBe('Clients, the last two minutes. Now: 2')
    const talk = setInterval(() => client.send('x'), 10)
    await expect
      .poll(() => words('Messages per second'))
      .toMatch(/^Messages per second, the last two minutes\. Now: in [1-9]\d*(\.\d+)?, out [1-9]\d*(\.\d+)?$/)
    clearInterval(talk)
    client.terminate()
    await expect.poll(() => words('Messages per second'), { timeout: 5000 }).toMatch(/Now: in 0, out 0$/)
    // Every 5 s the server asks the browser for a sign of life.
    await expect.poll(() => words('Round trip'), { timeout: 9000 }).toMatch(/Now: [\d.]+ ms$/)
    expect(tab.faults).toEqual([])
  })

  test.each(['light', 'dark'] as const)(
    'are drawn in colours of their own where it is %s',
    async (scheme) => {
      const [tab] = await openTabs(1, { context: { colorScheme: scheme } })
      const client = new WebSocket(served!.socketUrl)
      await once(client, 'open')
      const canvas = tab.page.getByRole('img', { name: 'Clients' }).locator('canvas')
      const wanted = scheme === 'light' ? [0x0b, 0x6b, 0xcb] : [0x5a, 0xa9, 0xf5]
      await expect.poll(() => canvas.evaluate(hasColour, wanted)).toBe(true)
      client.terminate()
    }
  )
})

describe('the list of messages', () => {
  test('says who gets what is sent, until something is', async () => {
    const [tab] = await openTabs(1, { serve: ['--echo'] })
    await tab.page.getByText('Nothing has been said yet. What is sent appears here, for you alone.').waitFor()
    await tab.say('to myself')
    expect((await tab.messages(1))[0]!.lines).toEqual(['to myself'])
  })

  test('keeps the newest 200 of a flood, and counts it', async () => {
    const [tab] = await openTabs(1)
    const client = new WebSocket(served!.socketUrl)
    await once(client, 'open')
    for (let index = 0; index < 5000; index++) client.send(`message ${index}`)
    await tab.page.getByText('message 4999', { exact: true }).waitFor()
    const shown = await tab.messages(200)
    client.terminate()
    expect(shown.map(({ lines }) => lines[0])).toEqual(
      Array.from({ length: 200 }, (_, index) => `message ${4800 + index}`)
    )
    expect(tab.faults).toEqual([])
  })

  test('cuts a long text and says so', async () => {
    const [tab] = await openTabs(1)
    await tab.say('x'.repeat(10_000))
    expect((await tab.messages(1))[0]!.lines).toEqual(['x'.repeat(4000), 'and 6,000 more characters'])
  })
})

describe('the connection', () => {
  test('comes back when the server does; until then nothing that was typed is lost', async () => {
    const [tab] = await openTabs(1)
    const { port } = new URL(served!.pageUrl)
    expect(await served!.cli.stop()).toBe(0)
    await tab.page.getByText('No connection').or(tab.page.getByText('The server stopped')).first().waitFor()
    await tab.say('still here')
    await tab.page.getByText('Not connected: nothing was sent.').waitFor()
    expect(await tab.page.getByLabel('Message', { exact: true }).inputValue()).toBe('still here')
    served = await startServe('--port', port)
    await tab.connected()
    await tab.page.keyboard.press('Enter')
    expect(await tab.messages(1)).toEqual([{ isMine: true, sender: 'You', lines: ['still here'] }])
  })

  test('works over --tls with the certificate made on the fly', async () => {
    const [one, two] = await openTabs(2, { serve: ['--tls'], context: { ignoreHTTPSErrors: true } })
    await one.say('over TLS')
    expect((await two.messages(1))[0]!.lines).toEqual(['over TLS'])
    expect(new URL(two.page.url()).protocol).toBe('https:')
  })

  test('§10.2 is not there for pages of another origin', async () => {
    const [tab] = await openTabs(1)
    await tab.page.goto('about:blank')
    const outcome = await tab.page.evaluate(tryToConnect, served!.socketUrl)
    expect(outcome).toBe(1006)
  })
})

describe('a keyboard', () => {
  test('reaches everything, with focus to be seen, and sends with Enter', async () => {
    const [tab] = await openTabs(1)
    const { keyboard } = tab.page
    const stops: unknown[] = []
    for (let index = 0; index < 4; index++) {
      await keyboard.press('Tab')
      stops.push(await tab.page.evaluate(describeFocus))
    }
    expect(stops).toEqual([
      { id: 'scroller', isOutlined: true },
      { id: 'text', isOutlined: true },
      { id: 'file', isOutlined: true },
      { id: 'send', isOutlined: true }
    ])
    await keyboard.press('Shift+Tab')
    await keyboard.press('Shift+Tab')
    await keyboard.type('first line')
    await keyboard.press('Shift+Enter')
    await keyboard.type('second line')
    await keyboard.press('Enter')
    await keyboard.type('from the button')
    await keyboard.press('Tab')
    await keyboard.press('Tab')
    await keyboard.press('Space')
    await keyboard.type('back in the box')
    await keyboard.press('Enter')
    expect((await tab.messages(3)).map(({ lines }) => lines[0])).toEqual([
      'first line\nsecond line',
      'from the button',
      'back in the box'
    ])
  })
})

describe('a width of 360 px', () => {
  test('needs no horizontal scrolling, whatever is said', async () => {
    const [tab] = await openTabs(1, { context: { viewport: { width: 360, height: 740 } } })
    await tab.say('x'.repeat(3000))
    await tab.sendFile('zeros.bin', Buffer.alloc(1000))
    await tab.messages(2)
    await tab.page.getByText(/^SHA-256/).waitFor()
    expect(await tab.page.evaluate(describeWidth)).toEqual({ pageWidth: 360, tooWide: [] })
  })
})

interface Setting {
  readonly serve?: readonly string[]
  readonly context?: BrowserContextOptions
}

/** Serves, and opens the page in as many tabs. */
async function openTabs(count: 1, setting?: Setting): Promise<[Tab]>
async function openTabs(count: 2, setting?: Setting): Promise<[Tab, Tab]>
async function openTabs(count: number, setting: Setting = {}): Promise<Tab[]> {
  served = await startServe(...(setting.serve ?? []))
  context = await browser!.newContext({ locale: 'en-US', ...setting.context })
  const tabs: Tab[] = []
  for (let index = 0; index < count; index++) tabs.push(await Tab.open(context, served.pageUrl))
  return tabs
}
