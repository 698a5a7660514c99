// Owns a module for tests of `serveWorkers`: a server that tells which worker it is, and fails as it is told to.
import { AsyncServer } from '../../dist/index.js'

export function server({ index, count }) {
  return new AsyncServer({
    host: '127.0.0.1',
    logLevel: 'silent',
    onmessage(client, { payload }) {
      if (payload === 'throw') setImmediate(() => fail('as told'))
      else if (payload === 'exit') process.exit(3)
      else if (payload === 'hang') setInterval(() => {}, 1000)
      else client.send(`${index} of ${count}: ${payload}`)
    }
  })
}

function fail(text) {
  throw new Error(text)
}
