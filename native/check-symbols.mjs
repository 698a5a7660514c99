// Owns the promise that the addon loads on old systems: what it needs of glibc, and that it needs no libstdc++.
// Linux only; reads the dynamic symbols with objdump. Usage: node native/check-symbols.mjs [FILE]
import { spawnSync } from 'node:child_process'

/** The glibc of the oldest systems that Node.js 20 runs on (RHEL 8). */
const NEWEST_GLIBC = [2, 28]

const file = process.argv[2] ?? 'build/Release/hotsocket.node'

if (process.platform === 'linux') {
  const problems = [...findNewSymbols(read('-T', file)), ...findLibraries(read('-p', file))]
  for (const problem of problems) console.error(`${file}: ${problem}`)
  if (problems.length > 0) process.exitCode = 1
}

function read(option, path) {
  const { status, stdout, stderr } = spawnSync('objdump', [option, path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr || 'objdump does not run')
  return stdout
}

function findNewSymbols(symbols) {
  return [...symbols.matchAll(/\(?GLIBC_(\d+)\.(\d+)[\d.]*\)?\s+(\S+)/g)]
    .filter(
      ([, major, minor]) => Number(major) * 1000 + Number(minor) > NEWEST_GLIBC[0] * 1000 + NEWEST_GLIBC[1]
    )
    .map(
      ([, major, minor, name]) =>
        `${name} needs glibc ${major}.${minor}, newer than ${NEWEST_GLIBC.join('.')}`
    )
}

function findLibraries(headers) {
  return [...headers.matchAll(/NEEDED\s+(\S+)/g)]
    .filter(
      ([, library]) => !/^(libc|libm|libdl|libpthread|ld-linux[\w-]*|libc\.musl[\w-]*)\.so/.test(library)
    )
    .map(([, library]) => `needs ${library}, which a system may lack`)
}
