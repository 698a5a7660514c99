// Owns the pages that a test opens in a browser context of its own, and what they do wrong.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { launchBrowser, needBrowser } from './chromium.js'

/** What a page does wrong goes into `faults`: exceptions, and errors in its console. */
export function collectFaults(page: Page, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
}

/** The pages of one test at a time. */
export class Pages {
  #browser: Browser | null = null
  #context: BrowserContext | null = null
  /** What they did wrong. */
  faults: string[] = []

  /** Call it once, where the tests of a file begin: it starts the browser, and gives each test a new context. */
  static use(): Pages {
    const pages = new Pages()
    beforeAll(async () => {
      pages.#browser = await launchBrowser()
    })
    afterAll(() => pages.#browser?.close())
    beforeEach(needBrowser)
    beforeEach(async () => {
      pages.#context = await pages.#browser!.newContext()
      pages.faults = []
    })
    afterEach(() => pages.#context?.close())
    return pages
  }

  get context(): BrowserContext {
    return this.#context!
  }

  /** A page at `url`, whose faults are collected. */
  async open(url: string): Promise<Page> {
    const page = await this.context.newPage()
    collectFaults(page, this.faults)
    await page.goto(url)
    return page
  }
}
