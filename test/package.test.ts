import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root, runModule } from './run-node.js'

const COMPARE = `
  import { createRequire } from 'node:module'
  const required = createRequire(process.cwd() + '/')('hotsocket')
  const imported = await import('hotsocket')
  console.log(required.AsyncServer === imported.AsyncServer, typeof imported.AsyncServer)
  console.log(Object.keys(required).filter((name) => required[name] !== imported[name]))
  console.log((await import('hotsocket/kernels')).tier)`

const NEEDED = [
  ...['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json', 'binding.gyp', 'native/install.mjs'],
  ...['dist/index.js', 'dist/index.d.ts', 'dist/core/index.js', 'dist/kernels/index.js', 'dist/cli/main.js'],
  ...['dist/accelerators/bufferutil.js', 'dist/accelerators/utf-8-validate.js'],
  ...['native/binding/addon.cc', 'native/generated/layout.h', 'native/kernels/inflater.cc']
]
const ALLOWED =
  /^(dist\/.+\.(js|d\.ts|css|html|txt)|native\/(binding|engine|generated|kernels)\/.+\.(cc|h)|prebuilds\/.+\.node|docs\/.+|LICENSE|[A-Z]+\.md|package\.json|binding\.gyp|native\/install\.mjs)$/

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotsocket-package-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Runs npm without the scripts of the package: it is packed as it is. */
function npm(...parameters: string[]): string {
  const isWindows = process.platform === 'win32'
  const options = { cwd: root, encoding: 'utf8', shell: isWindows } as const
  const { status, stdout, stderr } = spawnSync('npm', [...parameters, '--ignore-scripts'], options)
  if (status !== 0) throw new Error(stderr)
  return stdout
}

describe('the package', () => {
  it('gives the same classes to require and to import', () => {
    const { stdout } = runModule(COMPARE, { env: { HOTSOCKET_TIER: 'js' } })
    expect(stdout).toBe('true function\n[]\njs\n')
  })

  it('gives accelerators of the shapes of bufferutil and utf-8-validate to require and to import', () => {
    const { stdout } = runModule(
      `import { createRequire } from 'node:module'
      import bufferutil, { mask, unmask } from 'hotsocket/bufferutil'
      import isValidUTF8 from 'hotsocket/utf-8-validate'
      const require = createRequire(process.cwd() + '/')
      console.log(require('hotsocket/bufferutil') === bufferutil, Object.keys(bufferutil))
      console.log(bufferutil.mask === mask, bufferutil.unmask === unmask)
      console.log(require('hotsocket/utf-8-validate') === isValidUTF8, isValidUTF8(Buffer.of(0xc3)))`,
      { env: { HOTSOCKET_TIER: 'js' } }
    )
    expect(stdout).toBe("true [ 'mask', 'unmask' ]\ntrue true\ntrue false\n")
  })

  it('holds what is needed to run and to build, and nothing else', () => {
    const [{ files }] = JSON.parse(npm('pack', '--dry-run', '--json')) as [{ files: { path: string }[] }]
    const paths = files.map(({ path }) => path)
    expect(NEEDED.filter((path) => !paths.includes(path))).toEqual([])
    expect(paths.filter((path) => !ALLOWED.test(path))).toEqual([])
    expect(paths.filter((path) => readFileSync(join(root, path), 'latin1').includes(root))).toEqual([])
  })

  it('runs from its tarball in another folder, without scripts on the JavaScript tier', () => {
    const [{ filename }] = JSON.parse(npm('pack', '--json', '--pack-destination', folder)) as [
      { filename: string }
    ]
    const modules = join(folder, 'node_modules')
    mkdirSync(join(modules, 'hotsocket'), { recursive: true })
    const { status } = spawnSync('tar', [
      '-xzf',
      join(folder, filename),
      '-C',
      join(modules, 'hotsocket'),
      '--strip-components=1'
    ])
    expect(status).toBe(0)
    cpSync(join(root, 'node_modules', 'node-gyp-build'), join(modules, 'node-gyp-build'), { recursive: true })
    const { stdout, stderr } = runModule(COMPARE, { folder, env: { npm_config_arch: 'none' } })
    expect(stdout).toBe('true function\n[]\njs\n')
    expect(stderr).toContain('[HOTSOCKET_JS_TIER] HotsocketWarning: there is no addon for ')
  })
})
