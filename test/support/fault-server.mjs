// An echo server in a process of its own, whose descriptors a test can use up. Prints its port; obeys words on stdin.
import { closeSync, openSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { AsyncServer } from '../../dist/index.js'

const server = new AsyncServer({
  host: '127.0.0.1',
  logLevel: 'silent',
  onmessage: (client, message) => {
    client.send(message)
  }
})
await server.listen()

const taken = []
const commands = {
  /** Leaves so many descriptors free. */
  leave: (count) => {
    try {
      for (;;) taken.push(openSync('/dev/null'))
    } catch (error) {
      if (error.code !== 'EMFILE') throw error
    }
    for (let i = 0; i < count; i++) closeSync(taken.pop())
  },
  release: () => {
    for (const descriptor of taken.splice(0)) closeSync(descriptor)
  },
  count: () => readdirSync('/proc/self/fd').length
}
createInterface(process.stdin).on('line', (line) => {
  const [name, count] = line.split(' ')
  const answer = commands[name](Number(count)) ?? null
  console.log(JSON.stringify({ answer, tier: server.tier, clientCount: server.clients.size }))
})
console.log(server.port)
