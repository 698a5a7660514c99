// Enforces the architecture: who may import whom, what the core and the native kernels must not know, how long a
// file may be. Reads the sources, not what they compile to.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const MAX_LINES = 400

/** One import of a file of src/. */
interface Import {
  /** Importing file, relative to src/. */
  readonly from: string
  /** Imported file relative to src/, or the bare specifier of a module. */
  readonly to: string
  /** `import type`: nothing is left of it when the code runs. */
  readonly isTypeOnly: boolean
}

function listFiles(folder: string, extensions: readonly string[]): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extensions.some((extension) => entry.name.endsWith(extension)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort()
}

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const sources = new Map(
  listFiles('src', ['.ts']).map((file) => [
    file.slice('src/'.length),
    ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true)
  ])
)

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node)
  node.forEachChild((child) => visit(child, look))
}

function readImports(from: string, source: ts.SourceFile): Import[] {
  const imports: Import[] = []
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const { text } = specifier
    const isFile = text.startsWith('.')
    const to = isFile ? posix.join(posix.dirname(from), text).replace(/\.js$/, '.ts') : text
    imports.push({ from, to, isTypeOnly })
  }
  visit(source, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true)
  })
  return imports
}

const imports = [...sources].flatMap(([from, source]) => readImports(from, source))

const isNode = (to: string) => to.startsWith('node:')
const isIn =
  (...folders: string[]) =>
  (to: string) =>
    folders.some((folder) => to.startsWith(`${folder}/`))
const isOneOf =
  (...names: string[]) =>
  (to: string) =>
    names.includes(to)
const isAny = () => true

/** A rule for the importing files that match: an import must be allowed, and not forbidden. */
interface Rule {
  readonly who: string
  readonly applies: (from: string) => boolean
  readonly may: readonly ((to: string) => boolean)[]
  readonly mustNot?: readonly ((to: string) => boolean)[]
}

const isUpper = isIn('server', 'client', 'websocket', 'ws', 'accelerators', 'adapters', 'cli')
const isTop = isIn('accelerators', 'adapters', 'cli')

const RULES: readonly Rule[] = [
  { who: 'core imports nothing but core', applies: isIn('core'), may: [isIn('core')] },
  {
    who: 'kernels import core, Node.js and the loader of the addon',
    applies: isIn('kernels'),
    may: [isIn('core', 'kernels'), isNode, isOneOf('node-gyp-build')]
  },
  { who: 'auth imports core and Node.js', applies: isIn('auth'), may: [isIn('core', 'auth'), isNode] },
  { who: 'extensions import core', applies: isIn('extensions'), may: [isIn('core', 'extensions')] },
  {
    who: 'backplanes know no connection, no server and no transport',
    applies: isIn('backplane'),
    may: [
      isIn('core', 'backplane'),
      isNode,
      isOneOf('checks.ts', 'handler-calls.ts', 'log.ts', 'topics/overflow.ts')
    ]
  },
  {
    who: 'transports import core and Node.js, but not the receiver or the sender',
    applies: isIn('transport'),
    may: [isIn('core', 'transport'), isNode],
    mustNot: [isOneOf('core/receiver.ts', 'core/sender.ts')]
  },
  {
    who: 'what stands between transports and servers knows no server, client, adapter or command',
    applies: (from) => !from.includes('/') && from !== 'index.ts',
    may: [isAny],
    mustNot: [isUpper, isOneOf('index.ts')]
  },
  {
    who: 'servers and clients know no adapter, no command and not the public index',
    applies: isIn('server', 'client'),
    may: [isAny],
    mustNot: [isTop, isIn('websocket'), isOneOf('index.ts')]
  },
  {
    who: 'frame-level sockets know no adapter, no command and not the public index',
    applies: isIn('websocket'),
    may: [isAny],
    mustNot: [isTop, isOneOf('index.ts')]
  },
  {
    who: 'the face of ws knows no server, client, adapter or command of ours, and not the public index',
    applies: isIn('ws'),
    may: [isAny],
    mustNot: [isTop, isIn('server', 'client', 'websocket'), isOneOf('index.ts')]
  },
  {
    who: 'adapters use the public index',
    applies: isIn('adapters'),
    may: [isIn('adapters'), isOneOf('index.ts'), (to) => !to.endsWith('.ts')]
  },
  {
    who: 'accelerators import kernels, and nothing of servers, clients or connections',
    applies: isIn('accelerators'),
    may: [isIn('accelerators'), isOneOf('kernels/index.ts', 'node:buffer')]
  },
  {
    who: 'commands use the public index and public adapters',
    applies: isIn('cli'),
    may: [isIn('cli'), isOneOf('index.ts', 'adapters/streams.ts'), (to) => !to.endsWith('.ts')]
  }
]

describe('imports', () => {
  for (const { who, applies, may, mustNot = [] } of RULES) {
    it(who, () => {
      const wrong = imports
        .filter(({ from }) => applies(from))
        .filter(({ to }) => !may.some((allows) => allows(to)) || mustNot.some((forbids) => forbids(to)))
      expect(wrong.map(({ from, to }) => `src/${from} imports ${to}`)).toEqual([])
    })
  }

  it('nothing imports a command', () => {
    const wrong = imports.filter(({ from, to }) => isIn('cli')(to) && !isIn('cli')(from))
    expect(wrong).toEqual([])
  })

  it('every imported file is there', () => {
    const wrong = imports.filter(({ to }) => to.endsWith('.ts') && !sources.has(to))
    expect(wrong.map(({ from, to }) => `src/${from} imports ${to}`)).toEqual([])
  })

  it('have no cycle', () => {
    expect(findCycle()).toBeNull()
  })
})

/** Finds a cycle among the imports that are there when the code runs; null if there is none. */
function findCycle(): string | null {
  const done = new Set<string>()
  const path: string[] = []
  const walk = (file: string): string | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ')
    if (done.has(file)) return null
    path.push(file)
    for (const { from, to, isTypeOnly } of imports) {
      const cycle = from === file && !isTypeOnly && sources.has(to) ? walk(to) : null
      if (cycle !== null) return cycle
    }
    path.pop()
    done.add(file)
    return null
  }
  for (const file of sources.keys()) {
    const cycle = walk(file)
    if (cycle !== null) return cycle
  }
  return null
}

/** Globals that are input, output, time, chance or Node.js. */
const NOT_IN_CORE = [
  'Buffer',
  'console',
  'crypto',
  'Date',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout'
]

describe('the core', () => {
  it('uses no global that is input, output, time, chance or Node.js', () => {
    const wrong: string[] = []
    for (const [file, source] of sources) {
      if (!isIn('core')(file)) continue
      visit(source, (node) => {
        if (ts.isIdentifier(node) && NOT_IN_CORE.includes(node.text)) wrong.push(`src/${file}: ${node.text}`)
        if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random')
          wrong.push(`src/${file}: Math.random`)
      })
    }
    expect(wrong).toEqual([])
  })
})

describe('native code', () => {
  const files = listFiles('native', ['.cc', '.h'])
  const includes = files.flatMap((file) =>
    Array.from(read(file).matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm), ([, header]) => ({
      file,
      header: header!
    }))
  )

  it('of kernels and engine knows nothing of Node-API, nor of the binding', () => {
    const wrong = includes
      .filter(({ file }) => /^native\/(kernels|engine)\//.test(file))
      .filter(({ header }) => /node_api|napi|^node(_|\.h|\/)|^v8|binding\//.test(header))
    expect(wrong).toEqual([])
  })

  it('of kernels knows no socket and no engine', () => {
    const wrong = includes
      .filter(({ file }) => file.startsWith('native/kernels/'))
      .filter(({ header }) => /^sys\/|^netinet\/|^arpa\/|engine\//.test(header))
    expect(wrong).toEqual([])
  })
})

it(`no source has more than ${MAX_LINES} lines: one file, one noun`, () => {
  const wrong = [...listFiles('src', ['.ts']), ...listFiles('native', ['.cc', '.h', '.mjs'])]
    .map((file) => [file, read(file).trimEnd().split('\n').length] as const)
    .filter(([, count]) => count > MAX_LINES)
  expect(wrong.map(([file, count]) => `${file} has ${count} lines`)).toEqual([])
})
