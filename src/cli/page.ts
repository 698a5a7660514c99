// Owns the one page as bytes: its three files put together, and the policy that lets nothing else run in it.
// Must not know HTTP requests.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** A page that needs no other resource. */
export interface Page {
  readonly html: Buffer
  /** Content-Security-Policy: only the style and the script of this page, and requests to its own server. */
  readonly securityPolicy: string
}

const FOLDER = new URL('page/', import.meta.url)

/** Reads and assembles the page, of which the build has bundled the script: in src/ it is not whole. */
export async function loadPage(): Promise<Page> {
  const [html, style, script] = await Promise.all(['page.html', 'page.css', 'page.js'].map(readText))
  // Functions, since a replacement text would have its dollar signs interpreted.
  const whole = html!
    .replace('<link rel="stylesheet" href="page.css">', () => `<style>${style}</style>`)
    .replace(
      '<script src="page.js" type="module"></script>',
      () => `<script type="module">${script}</script>`
    )
  return { html: Buffer.from(whole), securityPolicy: makePolicy(style!, script!) }
}

function makePolicy(style: string, script: string): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${sha256(style)}'`,
    `script-src 'sha256-${sha256(script)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join('; ')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}

function readText(name: string): Promise<string> {
  return readFile(new URL(name, FOLDER), 'utf8')
}
