// The types of hotsocket/ws take programs that are written for `@types/ws`: test/types/ws-program.ts is compiled with either.
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const programs = ['ws-program.ts', 'ws-program.cts'].map((name) => join(root, 'test/types', name))

/** Compiles the programs with these types in the place of 'ws'; gives the faults. */
function compile(paths: Record<string, string[]>): string[] {
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const program = ts.createProgram(programs, { ...options, paths })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1
    return `${file?.fileName.slice(root.length + 1)}:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
}

describe('types', () => {
  it('of @types/ws take the programs', { timeout: 60_000 }, () => {
    expect(compile({})).toEqual([])
  })

  it('of hotsocket/ws take them, too', { timeout: 60_000 }, () => {
    expect(compile({ ws: ['./src/ws/index.ts'] })).toEqual([])
  })
})
