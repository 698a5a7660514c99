// Owns the list of servers that are compared: how each is started. uWebSockets.js is not on npm, and so not in here.
import { fileURLToPath } from 'node:url'

const script = (name) => fileURLToPath(new URL(`../servers/${name}`, import.meta.url))
const node = (name) => [process.execPath, '--expose-gc', script(name)]

const hotsocket = (tier) => ({
  name: tier,
  label: `hotsocket ${tier}`,
  command: node('hotsocket.mjs'),
  env: { HOTSOCKET_TIER: tier },
  tier
})

/** Folder of what bench/native/Makefile builds. */
export const NATIVE_BUILD = fileURLToPath(new URL('../native/build', import.meta.url))

/**
 * `tier`: what the server must say it runs on. `answers`: whether it answers questions and knows variants; the ceiling
 * does neither, and is compared only where a case asks for it.
 */
export const CONTENDERS = [
  hotsocket('engine'),
  hotsocket('native'),
  hotsocket('js'),
  { name: 'ws', label: 'ws', command: node('ws.mjs') },
  {
    name: 'ceiling',
    label: 'C++ that checks nothing',
    command: [`${NATIVE_BUILD}/echo-ceiling`],
    answers: false
  }
]
