// Owns the list of those that are compared, and of the C++ programs on the other side: how each is started.
// uWebSockets.js is not on npm, and so not in here.
import { fileURLToPath } from 'node:url'
import { MEASURED_CORE, OTHER_CORE } from './process.mjs'

const script = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const built = (name) => fileURLToPath(new URL(`../native/build/bin/${name}`, import.meta.url))

/** `file`: of that name there are a server, a relay (see servers/relay-roles.mjs) and a client. */
const onNode = (file, env = {}) => ({
  server: { command: [process.execPath, '--expose-gc', script(`servers/${file}`)], env },
  relay: { command: [process.execPath, '--expose-gc', script(`servers/relay-${file}`)], env },
  client: { command: [process.execPath, script(`clients/${file}`)], env, core: MEASURED_CORE }
})

const hotsocket = (tier) => ({
  name: tier,
  label: `hotsocket ${tier}`,
  ...onNode('hotsocket.mjs', { HOTSOCKET_TIER: tier }),
  tier
})

/** The load generator, which is the other side of servers. */
export const LOAD = { command: [built('load')], core: OTHER_CORE }

/** The same, for connections over TLS; knows the mode hold only. */
export const TLS_LOAD = { command: [process.execPath, script('clients/hold-tls.mjs')], core: OTHER_CORE }

const ECHO = { command: [built('echo-ceiling')], answers: false }

/** The server that clients talk to. */
export const OTHER_SERVER = { ...ECHO, core: OTHER_CORE }

/**
 * `server`, `relay`, `client`: the programs that are measured. A server prints its port, a client is called like the load generator
 * and prints the same. `tier`: what the server must say it runs on. `answers`: whether it answers questions and knows variants;
 * the ceiling does neither, and is compared only where a case asks for it.
 */
export const CONTENDERS = [
  hotsocket('engine'),
  hotsocket('native'),
  hotsocket('js'),
  {
    name: 'face',
    label: 'hotsocket/ws engine',
    ...onNode('ws.mjs', { WS_MODULE: 'hotsocket/ws', HOTSOCKET_TIER: 'engine' }),
    tier: 'engine'
  },
  { name: 'ws', label: 'ws', ...onNode('ws.mjs') },
  {
    name: 'ceiling',
    label: 'C++ that checks nothing',
    server: ECHO,
    client: { ...LOAD, core: MEASURED_CORE },
    answers: false
  }
]
