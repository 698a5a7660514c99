// The chat of docs/examples in Chromium.
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { runExample, startExample } from '../support/example-process.js'
import { guard } from '../support/harness.js'
import { Pages } from './pages.js'

guard()

const pages = Pages.use()

/** Opens the page in a tab of its own, and gives a name there. */
async function enter(url: string, name: string): Promise<Page> {
  const page = await pages.open(url)
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.keyboard.press('Enter')
  await connected(page)
  return page
}

const connected = (page: Page) => page.getByText('Connected', { exact: true }).waitFor()

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

/** What a page shows of the conversation, and of who is there. */
const messages = (page: Page) => page.getByRole('log').getByRole('listitem').allTextContents()
const present = (page: Page) =>
  page.getByRole('list', { name: 'Here' }).getByRole('listitem').allTextContents()

describe('the page of the chat', () => {
  it('shows in two tabs what either says, as text, and who is there', async () => {
    const url = await startExample('chat/server')
    const [ada, bob] = [await enter(url, 'Ada'), await enter(url, 'Bøb')]
    for (const page of [ada, bob]) await expect.poll(() => present(page)).toEqual(['Ada', 'Bøb'])
    await say(ada, '<img src=x onerror="document.title=1"> &amp; grüße')
    await expect.poll(() => messages(bob)).toHaveLength(1)
    await say(bob, '</li><script>document.title = 1</script>')
    const both = [
      'Ada<img src=x onerror="document.title=1"> &amp; grüße',
      'Bøb</li><script>document.title = 1</script>'
    ]
    for (const page of [ada, bob]) {
      await expect.poll(() => messages(page)).toEqual(both)
      expect([await page.title(), await page.locator('img').count()]).toEqual(['Chat', 0])
    }
    await ada.close()
    await expect.poll(() => present(bob)).toEqual(['Bøb'])
    expect(pages.faults).toEqual([])
  })

  it('has the history after a reload, in the room of the address', async () => {
    const url = await startExample('chat/server')
    const ada = await enter(url, 'Ada')
    await say(ada, 'in the lobby')
    await expect.poll(() => messages(ada)).toEqual(['Adain the lobby'])
    await ada.getByRole('link', { name: 'garden' }).click()
    await expect.poll(() => messages(ada)).toEqual([])
    await say(ada, 'in the garden')
    await expect.poll(() => messages(ada)).toEqual(['Adain the garden'])
    await ada.reload()
    await connected(ada)
    await expect.poll(() => messages(ada)).toEqual(['Adain the garden'])
    expect(await ada.getByRole('link', { name: 'garden' }).getAttribute('aria-current')).toBe('page')
    await ada.getByRole('link', { name: 'lobby' }).click()
    await expect.poll(() => messages(ada)).toEqual(['Adain the lobby'])
    expect(pages.faults).toEqual([])
  })

  it('comes back when the server does, and shows nothing twice', async () => {
    const example = await runExample('chat/server')
    const ada = await enter(example.line, 'Ada')
    await say(ada, 'before')
    await expect.poll(() => messages(ada)).toEqual(['Adabefore'])
    expect(await example.stop()).toBe(0)
    await ada.getByText('No connection').waitFor()
    expect(await ada.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
    await runExample('chat/server', [], { PORT: new URL(example.line).port })
    await connected(ada)
    await say(ada, 'behind')
    await expect.poll(() => messages(ada)).toEqual(['Adabefore', 'Adabehind'])
    // What the browser says of attempts that came to nothing.
    expect(pages.faults.filter((fault) => !fault.includes('ERR_CONNECTION_REFUSED'))).toEqual([])
  })

  it('asks for a name that is one', async () => {
    const page = await pages.context.newPage()
    await page.goto(await startExample('chat/server'))
    const name = page.getByLabel('Name', { exact: true })
    await name.fill('<b>')
    await page.keyboard.press('Enter')
    expect(await page.locator('#name:invalid').count()).toBe(1)
    expect(await name.isVisible()).toBe(true)
    await name.fill('Zoë Wu-2.')
    await page.keyboard.press('Enter')
    await connected(page)
    expect(await name.isVisible()).toBe(false)
  })
})
