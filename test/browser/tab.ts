// Owns one tab with the page of `hotsocket serve` in it: what a user does there, and what a user sees.
import type { BrowserContext, Page } from 'playwright-core'
import { readFigures, readMessages, type ShownMessage } from './in-page.js'
import { collectFaults } from './pages.js'

/** One open tab. */
export class Tab {
  readonly page: Page
  /** Whatever the page did wrong: exceptions, and errors in its console. */
  readonly faults: string[] = []

  private constructor(page: Page) {
    this.page = page
    collectFaults(page, this.faults)
  }

  /** Opens the page and waits until it is connected. */
  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const tab = new Tab(await context.newPage())
    await tab.page.goto(url)
    await tab.connected()
    return tab
  }

  /** Waits until the page says that it is connected. */
  async connected(): Promise<void> {
    await this.page.getByText('Connected', { exact: true }).and(this.page.getByRole('status')).waitFor()
  }

  /** Types a message and presses Enter. */
  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message', { exact: true }).fill(text)
    await this.page.keyboard.press('Enter')
  }

  /** Chooses a file to be sent. */
  async sendFile(name: string, buffer: Buffer): Promise<void> {
    const file = { name, mimeType: 'application/octet-stream', buffer }
    await this.page.getByLabel('Send a file').setInputFiles(file)
  }

  /** Waits until that many messages are shown, and reads them all. */
  async messages(count: number): Promise<ShownMessage[]> {
    const items = this.page.getByRole('log').getByRole('listitem')
    await items.nth(count - 1).waitFor()
    return items.evaluateAll(readMessages)
  }

  /** The live figures by their names. */
  figures(): Promise<Record<string, string>> {
    return this.page.locator('#figures > div').evaluateAll(readFigures)
  }
}
