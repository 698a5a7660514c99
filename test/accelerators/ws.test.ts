import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root, runModule } from '../run-node.js'

const CHILD = pathToFileURL(join(import.meta.dirname, 'ws-on-accelerators.mjs')).href
const TIER = process.env.HOTSOCKET_TIER ?? ''

const CONVERSED = { lostCount: 0, missing: [], isJoined: true, pong: true, closes: [4000, true, 4000] }
const REFUSED = { error: 'WS_ERR_INVALID_UTF8', code: 1007, ownCode: 1006 }

/** A program's folder: `ws`, and hotsocket's packages under the names of those in whose place they stand. */
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotsocket-accelerators-'))
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  cpSync(join(root, 'node_modules', 'ws'), join(modules, 'ws'), { recursive: true })
  symlinkSync(root, join(modules, 'hotsocket'), 'junction')
  for (const name of ['bufferutil', 'utf-8-validate'])
    cpSync(join(root, 'packages', `hotsocket-${name}`), join(modules, name), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('ws on hotsocket-bufferutil and hotsocket-utf-8-validate', () => {
  it('sends, receives, closes and refuses as ever, and has them do the work', () => {
    const { stdout, stderr } = runModule(`await import(${JSON.stringify(CHILD)})`, {
      folder,
      env: { HOTSOCKET_TIER: TIER }
    })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      isOurs: true,
      tier: TIER,
      plain: CONVERSED,
      deflated: CONVERSED,
      invalidFromClient: REFUSED,
      invalidFromServer: REFUSED,
      wrong: []
    })
  })

  it('has the same functions for import, by default and by name', () => {
    const { stdout } = runModule(
      `import { createRequire } from 'node:module'
      import bufferutil, { mask, unmask } from 'bufferutil'
      import isValidUTF8 from 'utf-8-validate'
      const require = createRequire(process.cwd() + '/')
      console.log(require('bufferutil') === bufferutil, bufferutil.mask === mask, bufferutil.unmask === unmask)
      console.log(require('utf-8-validate') === isValidUTF8)`,
      { folder, env: { HOTSOCKET_TIER: TIER } }
    )
    expect(stdout).toBe('true true true\ntrue\n')
  })
})
