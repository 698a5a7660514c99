import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernels/native.js'
import { runModule } from '../run-node.js'

const PRINT_TIER = `
  await import('hotsocket/kernels').then(({ kernels, tier }) => console.log(tier, kernels.name));`
const PRINT_ERROR = `
  const error = await import('hotsocket/kernels').catch((error) => error)
  console.log(error.name, error.code)
  console.log(error.message)`

let folder: string
/** A folder in which the loader looks for the addon instead of the package's. */
const prebuild = (name: string) => ({ HOTSOCKET_PREBUILD: join(folder, name) })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotsocket-choice-'))
  for (const name of ['none', 'garbage', 'foreign', 'wrong']) {
    mkdirSync(join(folder, name, 'build', 'Release'), { recursive: true })
  }
  writeFileSync(join(folder, 'garbage', 'build', 'Release', 'hotsocket.node'), 'this is no shared object')
  writeFileSync(join(folder, 'wrong', 'build', 'Release', 'hotsocket.node'), '')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('HOTSOCKET_TIER', () => {
  it.skipIf(loadAddon().status !== 'loaded')(
    'unset: the best there is; native: that; where the addon loads (else skipped)',
    () => {
      const best = process.platform === 'linux' ? 'engine' : 'native'
      for (const [wanted, tier] of [
        [undefined, best],
        ['', best],
        ['native', 'native']
      ]) {
        const env = wanted === undefined ? {} : { HOTSOCKET_TIER: wanted }
        expect(runModule(PRINT_TIER, { env })).toEqual({ status: 0, stdout: `${tier} native\n`, stderr: '' })
      }
    }
  )

  it('js: JavaScript without a word', () => {
    const env = { HOTSOCKET_TIER: 'js' }
    expect(runModule(PRINT_TIER, { env })).toEqual({ status: 0, stdout: 'js js\n', stderr: '' })
  })

  it.each([
    ['quick', '"quick" is none; set it to "engine", "native" or "js", or unset it'],
    ['Engine', '"Engine" is none; set it to "engine", "native" or "js", or unset it']
  ])('%s: an error that says what to do', (tier, detail) => {
    expect(runModule(PRINT_ERROR, { env: { HOTSOCKET_TIER: tier } })).toEqual({
      status: 0,
      stdout: `WebSocketError tier-unavailable\nthe tier that HOTSOCKET_TIER asks for is not available: ${detail}\n`,
      stderr: ''
    })
  })

  it('native: an error that tells why, where there is no addon', () => {
    const { stdout } = runModule(PRINT_ERROR, { env: { HOTSOCKET_TIER: 'native', ...prebuild('none') } })
    expect(stdout).toContain('WebSocketError tier-unavailable\n')
    expect(stdout).toContain(
      `"native": there is no addon for ${process.platform}-${process.arch}. To build it: npm rebuild`
    )
  })
})

describe('an addon that cannot be used', () => {
  /** The one warning, without the process's number; the hint about --trace-warnings is Node's. */
  const warningOf = (env: Record<string, string>, before = '') => {
    const { status, stdout, stderr } = runModule(before + PRINT_TIER + PRINT_TIER, { env })
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'js js\njs js\n' })
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.includes('--trace-warnings'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\(node:\d+\) \[HOTSOCKET_JS_TIER\] HotsocketWarning: /)
    return lines[0]!.replace(/^.*?HotsocketWarning: /, '')
  }
  const remedy =
    '; JavaScript is used, which is slower. To build it: npm rebuild hotsocket (in a clone: npm run install), with a C++20 compiler, make and Python 3 installed. To choose JavaScript: HOTSOCKET_TIER=js.'

  it('is missing: JavaScript, and one warning', () => {
    expect(warningOf(prebuild('none'))).toBe(
      `there is no addon for ${process.platform}-${process.arch}${remedy}`
    )
  })

  it('is no shared object: JavaScript, and one warning that tells it from a missing one', () => {
    const path = join(folder, 'garbage', 'build', 'Release', 'hotsocket.node')
    const warning = warningOf(prebuild('garbage'))
    expect(warning.startsWith(`the addon ${path} does not work: `)).toBe(true)
    expect(warning.endsWith(remedy)).toBe(true)
  })

  it('has another interface: JavaScript, and one warning', () => {
    const require = createRequire(import.meta.url)
    const bufferutil = require('node-gyp-build').resolve(join(require.resolve('bufferutil'), '..'))
    const path = join(folder, 'foreign', 'build', 'Release', 'hotsocket.node')
    copyFileSync(bufferutil, path)
    expect(warningOf(prebuild('foreign'))).toBe(
      `the addon ${path} does not work: its interface is undefined, expected is 13; rebuild it${remedy}`
    )
  })

  it('gives a wrong answer: JavaScript, and one warning', () => {
    const path = join(folder, 'wrong', 'build', 'Release', 'hotsocket.node')
    const fake = `
      import { createRequire } from 'node:module'
      createRequire('file:///').extensions['.node'] = (module) => {
        module.exports = { interfaceVersion: 13, mask() {} }
      }`
    expect(warningOf(prebuild('wrong'), fake)).toBe(
      `the addon ${path} does not work: mask answers 0,0,0,0,0, expected is 127,159,77,81,88${remedy}`
    )
  })
})
