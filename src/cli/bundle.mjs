// Owns what the compiler leaves out of dist/cli: the page's files and two development packages, `uplot` for the page and
// `selfsigned`, each bundled into what uses it with the licences of all it brings. It stands here because only the command
// line needs them. Run after the compiler, from any folder.
import { chmod, cp, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = dirname(fileURLToPath(import.meta.url))
const root = dirname(dirname(source))
const target = join(root, 'dist', 'cli')

/** Packages in CommonJS call `require` for modules of Node.js, which a module has to make for itself. */
const REQUIRE =
  "import { createRequire as makeRequire } from 'node:module'\nconst require = makeRequire(import.meta.url)"

await bundlePage()
await chmod(join(target, 'main.js'), 0o755)
const { metafile } = await build({
  entryPoints: [join(source, 'self-signed.ts')],
  outfile: join(target, 'self-signed.js'),
  absWorkingDir: root,
  bundle: true,
  minifySyntax: true,
  minifyWhitespace: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  banner: { js: `// Bundled by src/cli/bundle.mjs; licences: self-signed.LICENSES.txt\n${REQUIRE}` },
  metafile: true,
  logLevel: 'warning'
})
await writeFile(join(target, 'self-signed.LICENSES.txt'), await collectLicences(Object.keys(metafile.inputs)))

/** The page is three files: its script with all that it imports, its style with that of the charts before it. */
async function bundlePage() {
  const folder = join(target, 'page')
  await cp(join(source, 'page', 'page.html'), join(folder, 'page.html'))
  const styles = [
    join(root, 'node_modules', 'uplot', 'dist', 'uPlot.min.css'),
    join(source, 'page', 'page.css')
  ]
  const texts = await Promise.all(styles.map((path) => readFile(path, 'utf8')))
  await writeFile(join(folder, 'page.css'), texts.join('\n'))
  const { metafile } = await build({
    entryPoints: [join(source, 'page', 'page.js')],
    outfile: join(folder, 'page.js'),
    absWorkingDir: root,
    bundle: true,
    minify: true,
    legalComments: 'none',
    target: 'es2022',
    format: 'esm',
    banner: {
      js: '// Has uPlot in it, (c) Leon Sorokin and contributors, MIT licence: see page.LICENSES.txt'
    },
    metafile: true,
    logLevel: 'warning'
  })
  await writeFile(join(folder, 'page.LICENSES.txt'), await collectLicences(Object.keys(metafile.inputs)))
}

/** Names each package that has a file among `inputs`, with its licence's text. */
async function collectLicences(inputs) {
  const folders = new Set(inputs.filter((path) => path.includes('node_modules')).map(packageFolder))
  const texts = [...folders].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    return `${name} ${version} (${license})\n\n${await readLicence(folder, name)}`
  })
  return (await Promise.all(texts)).join(`\n\n${'-'.repeat(80)}\n\n`)
}

/** The folder of the package that a file belongs to: one name below the last node_modules, two for a scoped one. */
function packageFolder(path) {
  const parts = relative(root, join(root, path)).split(sep)
  const start = parts.lastIndexOf('node_modules') + 1
  return join(root, ...parts.slice(0, start + (parts[start].startsWith('@') ? 2 : 1)))
}

async function readLicence(folder, name) {
  for (const file of ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license']) {
    const text = await readFile(join(folder, file), 'utf8').catch(() => null)
    if (text !== null) return text.trim()
  }
  throw new Error(`${name} has no licence file: it must not be bundled`)
}
