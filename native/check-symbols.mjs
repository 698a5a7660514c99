// Owns the promise that the addon loads on old systems and on every runtime: what it needs of glibc, that it needs no
// libstdc++, and that what only some runtimes export (libuv, zlib) is weak: missing there, it is null. Linux only; reads the dynamic symbols with objdump. Usage: node native/check-symbols.mjs [FILE]
import { spawnSync } from 'node:child_process'

/** The glibc of the oldest systems that Node.js 20 runs on (RHEL 8). */
const NEWEST_GLIBC = [2, 28]

const file = process.argv[2] ?? 'build/Release/hotsocket.node'

if (process.platform === 'linux') {
  const symbols = read('-T', file)
  const problems = [
    ...findNewSymbols(symbols),
    ...findForeignSymbols(symbols),
    ...findLibraries(read('-p', file))
  ]
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

/** Symbols of no library of its own that are neither Node-API nor weak: a runtime without one cannot load the addon. */
function findForeignSymbols(symbols) {
  return [...symbols.matchAll(/^[\da-f]+ (.{7}) \*UND\*\s+[\da-f]+\s+(.*?)\s*(\S+)$/gm)]
    .filter(
      ([, flags, version, name]) => !flags.includes('w') && !/\d/.test(version) && !name.startsWith('napi_')
    )
    .map(([, , , name]) => `${name} is not weak, and a runtime may lack it`)
}

function findLibraries(headers) {
  return [...headers.matchAll(/NEEDED\s+(\S+)/g)]
    .filter(
      ([, library]) => !/^(libc|libm|libdl|libpthread|ld-linux[\w-]*|libc\.musl[\w-]*)\.so/.test(library)
    )
    .map(([, library]) => `needs ${library}, which a system may lack`)
}
