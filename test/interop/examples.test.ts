// The servers of docs/examples: a page and hotsocket at one port.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { root } from '../run-node.js'
import { certificate } from '../support/certificate.js'
import { PLAIN_EXAMPLES, startExample } from '../support/example-process.js'
import { cleanUp, guard } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

const PAGE = await readFile(join(root, 'docs', 'examples', 'echo.html'), 'utf8')

/** Sends a message to the echo of an example and returns the answer. */
async function echo(pageUrl: string): Promise<string> {
  const url = new URL('/echo', pageUrl.replace(/^http/, 'ws'))
  const socket = new WebSocket(url, { rejectUnauthorized: false })
  cleanUp(() => socket.terminate())
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('message', (data) => resolve(String(data))).once('error', reject)
  })
  socket.once('open', () => socket.send('grüße'))
  return within(answer, 'the echo')
}

describe('docs/examples', () => {
  it.each(PLAIN_EXAMPLES)('%s.mjs serves the page and echoes', async (name) => {
    const pageUrl = await startExample(name)
    const page = await fetch(pageUrl)
    expect([page.status, page.headers.get('content-type')!.split(';')[0], await page.text()]).toEqual([
      200,
      'text/html',
      PAGE
    ])
    expect((await fetch(new URL('/elsewhere', pageUrl))).status).toBe(404)
    expect(await echo(pageUrl)).toBe('grüße')
  })

  it('https.mjs serves the page and echoes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
    cleanUp(() => rm(folder, { recursive: true }))
    const paths = [join(folder, 'key.pem'), join(folder, 'cert.pem')] as const
    const { key, cert } = await certificate()
    await Promise.all([writeFile(paths[0], key), writeFile(paths[1], cert)])
    const pageUrl = await startExample('https', paths)
    expect(await getUnverified(pageUrl)).toEqual([200, PAGE])
    expect(await echo(pageUrl)).toBe('grüße')
  })
})

/** Fetches a page whose certificate nobody vouches for. */
function getUnverified(url: string): Promise<[status: number, body: string]> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false }, async (response) => {
      let body = ''
      for await (const part of response.setEncoding('utf8')) body += part
      resolve([response.statusCode!, body])
    })
    asked.on('error', reject).end()
  })
}
