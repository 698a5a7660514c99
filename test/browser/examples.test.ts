// The page of docs/examples in Chromium, served by each of the examples.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { PLAIN_EXAMPLES, startExample } from '../support/example-process.js'
import { guard } from '../support/harness.js'
import { launchBrowser, needBrowser } from './chromium.js'

guard()

let browser: Browser | null = null
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())

describe('the page of the examples', () => {
  beforeEach(needBrowser)

  it.each(PLAIN_EXAMPLES)('shows what %s.mjs echoes', async (name) => {
    const page = await browser!.newPage()
    await page.goto(await startExample(name))
    await page.getByText('Connected').waitFor()
    await page.getByLabel('Message').fill('Grüße <b>')
    await page.keyboard.press('Enter')
    await page.getByRole('listitem').waitFor()
    await page.getByLabel('Message').fill('again')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('again').waitFor()
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['Grüße <b>', 'again'])
    await page.close()
  })
})
