// The dashboard of docs/examples: what its server makes of what sensors report.
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../../src/index.js'
import { startExample } from '../support/example-process.js'
import { cleanUp, guard, until } from '../support/harness.js'
import { within } from '../support/raw-client.js'

guard()

interface Reading {
  readonly sensor: string
  readonly value: number
  readonly atMs: number
}

/** Opens a connection to a path of the dashboard. */
async function open(
  pageUrl: string,
  path: string,
  onmessage: (text: string, socket: WebSocket) => void = () => {}
): Promise<WebSocket> {
  const socket = new WebSocket(new URL(path, pageUrl))
  cleanUp(() => socket.terminate())
  socket.on('message', (data) => onmessage(String(data), socket))
  await within(
    new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject)),
    `a connection to ${path}`
  )
  return socket
}

/** Opens what a page does, and collects the readings that it gets. */
async function openPage(pageUrl: string) {
  const readings: Reading[] = []
  const socket: WebSocket = await open(pageUrl, '/pages', (text, socket) => {
    const message = JSON.parse(text) as Partial<Reading> & { ask?: true }
    if (message.sensor !== undefined) readings.push(message as Reading)
    if (message.ask) socket.send('here')
  })
  const values = () => readings.map(({ sensor, value }) => `${sensor} ${value}`)
  return { socket, readings, values }
}

describe('the dashboard', () => {
  it('sends pages what sensors report, the newest first of all', async () => {
    const url = await startExample('dashboard/server')
    const [one, two] = [await openPage(url), await openPage(url)]
    const north = await open(url, '/sensors?sensor=temperature/north')
    north.send('20.5')
    north.send('21')
    await until(() => two.readings.length === 2, 'they know')
    expect(one.values()).toEqual(['temperature/north 20.5', 'temperature/north 21'])
    expect(two.values()).toEqual(one.values())
    const late = await openPage(url)
    await until(() => late.readings.length === 1, 'the newest')
    expect(late.readings[0]).toEqual({ sensor: 'temperature/north', value: 21, atMs: expect.any(Number) })
    expect(Math.abs(late.readings[0]!.atMs - Date.now())).toBeLessThan(60_000)
  })

  it('sends what a page wants to see only', async () => {
    const url = await startExample('dashboard/server')
    const page = await openPage(url)
    const sensors = await Promise.all(
      ['temperature', 'load'].map((kind) => open(url, `/sensors?sensor=${kind}/a`))
    )
    const other = await openPage(url)
    page.socket.send('-load')
    // Answered behind it.
    const ponged = new Promise((resolve) => page.socket.once('pong', resolve))
    page.socket.ping()
    await within(ponged, 'the pong')
    sensors[1]!.send('1')
    await until(() => other.readings.length === 1, 'it came')
    sensors[0]!.send('2')
    await until(() => page.readings.length === 1, 'what comes behind it')
    expect(page.values()).toEqual(['temperature/a 2'])
    page.socket.send('+load')
    await until(() => page.readings.length === 2, 'the newest')
    expect(page.values()).toEqual(['temperature/a 2', 'load/a 1'])
  })

  it('sends a page that was not reading the newest values when it does, and not all that it missed', async () => {
    const url = await startExample('dashboard/server')
    const [slow, quick] = [await openPage(url), await openPage(url)]
    const [north, south] = await Promise.all(
      ['north', 'south'].map((name) => open(url, `/sensors?sensor=pressure/${name}`))
    )
    slow.socket.pause()
    let count = 0
    const flood = setInterval(() => {
      for (let index = 0; index < 20; index++) north!.send(`${++count}`)
    }, 5)
    cleanUp(() => clearInterval(flood))
    await until(() => quick.readings.length > 4000, 'thousands were sent')
    clearInterval(flood)
    south!.send('-1')
    await until(() => quick.values().at(-1) === 'pressure/south -1', 'the last one')
    slow.socket.resume()
    const newest = [`pressure/north ${count}`, 'pressure/south -1']
    await until(() => newest.every((value) => slow.values().includes(value)), 'the newest')
    expect(quick.readings.length).toBe(count + 1)
    expect(slow.readings.length).toBeLessThan(0.75 * count)
    expect(slow.values().slice(-2)).toEqual(newest)
  })

  it('answers 400 to what is no sensor', async () => {
    const url = await startExample('dashboard/server')
    for (const sensor of ['', 'load', 'colour/north', 'load/', 'load/a/b', `load/${'x'.repeat(33)}`])
      await expect(
        connect(new URL(`/sensors?sensor=${sensor}`, url.replace(/^http/, 'ws')))
      ).rejects.toMatchObject({
        code: 'unexpected-status',
        response: { status: 400 }
      })
  })

  it('closes the connections of those that send something else', async () => {
    const url = await startExample('dashboard/server')
    for (const [path, message, code] of [
      ['/sensors?sensor=load/a', 'NaN', 1008],
      ['/sensors?sensor=load/a', 'Infinity', 1008],
      ['/sensors?sensor=load/a', Buffer.from('1'), 1008],
      ['/sensors?sensor=load/a', '1'.repeat(33), 1009],
      ['/pages', '+colour', 1008],
      ['/pages', Buffer.from('+load'), 1008],
      ['/pages', 'x'.repeat(65), 1009]
    ] as const) {
      const socket = await open(url, path)
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.send(message)
      expect([message, await within(closed, 'the end')]).toEqual([message, code])
    }
  })

  it('gets thousands of values in a second from the sensors that come with it', async () => {
    const url = await startExample('dashboard/server')
    const page = await openPage(url)
    expect(await startExample('dashboard/sensors', [url])).toBe(`12 sensors report to ${url}`)
    await until(() => page.readings.length > 4000, 'they came')
    const seconds = (page.readings.at(-1)!.atMs - page.readings[0]!.atMs) / 1000
    expect(new Set(page.readings.map(({ sensor }) => sensor)).size).toBe(12)
    expect(page.readings.length / seconds).toBeGreaterThan(1000)
  })
})
