// Owns docs/images/serve.png: starts `hotsocket serve`, lets three clients talk, and takes the picture of the page.
// Run after `npm run compile`, with Chromium at CHROMIUM_PATH or /usr/bin/chromium: node docs/images/take-screenshot.mjs
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { WebSocket } from 'ws'

const TARGET = fileURLToPath(new URL('serve.png', import.meta.url))
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const server = spawn(process.execPath, [MAIN, 'serve', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit']
})
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
})
try {
  await takePicture(await readUrl())
} finally {
  await browser.close()
  server.kill('SIGINT')
}

/** Reads where the page is from what the server prints. */
async function readUrl() {
  for await (const line of createInterface(server.stdout)) {
    const url = /page +(\S+)/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  throw new Error('the server did not start')
}

async function takePicture(url) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 700 }, locale: 'en-GB' })
  await page.goto(url)
  await page.getByText('Connected', { exact: true }).first().waitFor()
  const clients = [new WebSocket(url.replace('http', 'ws')), new WebSocket(url.replace('http', 'ws'))]
  await Promise.all(clients.map((client) => once(client, 'open')))
  const box = page.getByLabel('Message', { exact: true })
  clients[0].send('Hello from a script 👋')
  await page.getByText('Hello from a script').waitFor()
  await box.fill('And hello from a browser')
  await page.keyboard.press('Enter')
  await page.getByText('And hello from a browser').waitFor()
  clients[1].send('{"sensor": "greenhouse", "celsius": 21.4}')
  clients[1].send(Buffer.from('89504e470d0a1a0a0000000d49484452000001c2000000f0', 'hex'))
  await page.getByText(/^SHA-256 [\da-f]/).waitFor()
  // The figures of the second in which all this was said.
  await page.locator('#rate', { hasText: /^[1-9]/ }).waitFor()
  await page.locator('#clients', { hasText: '3' }).waitFor()
  await page.screenshot({ path: TARGET })
  for (const client of clients) client.terminate()
}
