// Owns the way to a real browser: Debian's Chromium, driven by playwright-core.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import type { TestContext } from 'vitest'

const PATH = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

/** Why there is no browser here; null if there is one. */
const missing = existsSync(PATH)
  ? null
  : `there is no Chromium at ${PATH}: apt-get install chromium, or set CHROMIUM_PATH`

/** Skips a test where there is no browser, saying why; on CI it fails. */
export function needBrowser({ skip }: TestContext): void {
  if (missing === null) return
  if (process.env.CI === 'true') throw new Error(missing)
  skip(missing)
}

/** Starts the browser; null where there is none. */
export async function launchBrowser(): Promise<Browser | null> {
  if (missing !== null) return null
  return chromium.launch({
    executablePath: PATH,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync'
    ]
  })
}
