// The dashboard of docs/examples in Chromium.
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { connect } from '../../src/index.js'
import { startExample } from '../support/example-process.js'
import { cleanUp, guard } from '../support/harness.js'
import { hasColour } from './in-page.js'
import { Pages } from './pages.js'

guard()

const pages = Pages.use()

async function openPage(url: string): Promise<Page> {
  const page = await pages.open(url)
  await page.getByText('Connected', { exact: true }).waitFor()
  return page
}

/** A sensor of the test's own. */
async function openSensor(url: string, sensor: string) {
  const connection = await connect(new URL(`/sensors?sensor=${sensor}`, url.replace(/^http/, 'ws')))
  cleanUp(() => connection.terminate())
  return connection
}

const chartOf = (page: Page, kind: string) => page.getByRole('region', { name: kind })
/** What the legend of a chart says of a sensor. */
const value = (page: Page, kind: string, sensor: string) =>
  chartOf(page, kind).locator('.u-series', { hasText: sensor }).locator('.u-value').textContent()
/** One of the figures, as a number. */
const figure = async (page: Page, id: string) =>
  Number((await page.locator(`#${id}`).textContent())!.replace(/[^\d]/g, ''))

describe('the page of the dashboard', () => {
  it('charts what twelve sensors report, thousands of times a second', async () => {
    const url = await startExample('dashboard/server')
    const page = await openPage(url)
    await startExample('dashboard/sensors', [url])
    for (const kind of ['temperature', 'pressure', 'load']) {
      const canvas = chartOf(page, kind).locator('canvas')
      for (const colour of [
        [0x0b, 0x6b, 0xcb],
        [0x8a, 0x3f, 0xfc]
      ])
        await expect.poll(() => canvas.evaluate(hasColour, colour)).toBe(true)
    }
    await expect.poll(() => figure(page, 'reported'), { timeout: 8000 }).toBeGreaterThan(1000)
    await expect.poll(() => figure(page, 'rate'), { timeout: 8000 }).toBeGreaterThan(1000)
    expect(Number.parseFloat((await value(page, 'pressure', 'north'))!.replace(',', ''))).toBeGreaterThan(900)
    expect(pages.faults).toEqual([])
  })

  it('gets what it shows only', async () => {
    const url = await startExample('dashboard/server')
    const page = await openPage(url)
    const north = await openSensor(url, 'load/north')
    const south = await openSensor(url, 'pressure/south')
    north.send('1')
    south.send('2')
    await expect.poll(() => chartOf(page, 'load').count()).toBe(1)
    await expect.poll(() => value(page, 'load', 'north')).toBe('1')
    await page.getByRole('checkbox', { name: 'load' }).uncheck()
    north.send('3')
    south.send('4')
    await expect.poll(() => value(page, 'pressure', 'south')).toBe('4')
    expect(await value(page, 'load', 'north')).toBe('1')
    await page.getByRole('checkbox', { name: 'load' }).check()
    await expect.poll(() => value(page, 'load', 'north')).toBe('3')
    expect(pages.faults).toEqual([])
  })

  it('that stood still shows the newest values at once, while others noticed nothing', async () => {
    const url = await startExample('dashboard/server')
    const [slow, quick] = [await openPage(url), await openPage(url)]
    const marker = await openSensor(url, 'load/marker')
    marker.send('1')
    await startExample('dashboard/sensors', [url, '400'])
    await expect.poll(() => value(slow, 'load', 'marker')).toBe('1')
    const debug = await pages.context.newCDPSession(slow)
    await debug.send('Debugger.enable')
    await debug.send('Debugger.pause')
    const before = await total(quick)
    await expect.poll(async () => (await total(quick)) - before, { timeout: 15_000 }).toBeGreaterThan(4000)
    marker.send('2')
    await expect.poll(() => value(quick, 'load', 'marker')).toBe('2')
    await debug.send('Debugger.resume')
    await expect.poll(() => value(slow, 'load', 'marker'), { timeout: 4000 }).toBe('2')
    expect((await total(quick)) - (await total(slow))).toBeGreaterThan(2000)
    expect(pages.faults).toEqual([])
  })
})

/** Readings that a page has got. */
async function total(page: Page): Promise<number> {
  return figure(page, 'received')
}
