// Holds the public types to their promises; the compiler is the test runner (npm run types).
import {
  AsyncServer,
  type Connection,
  type Message,
  type SendStatus,
  type WebSocketError
} from '../../src/index.js'

type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false

/** Compiles only if both types are the same. */
function same<A, B>(_isSame: Same<A, B>): void {}

interface User {
  name: string
}

// Handlers among the options: parameters need no annotations.
const plain = new AsyncServer({
  onmessage(client, message) {
    same<typeof message, Message>(true)
    same<typeof message.payload, string | Uint8Array>(true)
    same<ReturnType<typeof client.send>, SendStatus>(true)
    same<typeof client.data, undefined>(true)
  },
  onping(_client, payload) {
    same<typeof payload, Uint8Array>(true)
  },
  onpong(_client, _payload, roundTripMs) {
    same<typeof roundTripMs, number | null>(true)
  },
  onclose(_client, code, reason, details) {
    same<[typeof code, typeof reason], [number, string]>(true)
    same<typeof details.initiator, 'local' | 'remote'>(true)
    same<typeof details.cause, WebSocketError | null>(true)
  },
  onerror(_client, error) {
    same<typeof error, WebSocketError>(true)
  }
})
same<typeof plain, AsyncServer<undefined>>(true)
same<AsyncServer, AsyncServer<undefined>>(true)

// The type of the data is given, and then holds everywhere.
const typed = new AsyncServer<User>({
  onhandshake: async (request) => {
    if (!request.headers.has('authorization')) return { status: 401 }
    return { data: { name: request.query.get('name') ?? '' } }
  },
  onopen: (client) => same<typeof client.data, User>(true)
})
for (const client of typed.clients) same<typeof client, Connection<User>>(true)

// It is also inferred from what onhandshake returns.
new AsyncServer({
  onhandshake: () => ({ data: { name: 'Ada' } }),
  onopen: (client) => same<typeof client.data, { name: string }>(true)
})
new AsyncServer({
  onhandshake: async () => ({ data: { name: 'Ada' } }),
  onmessage: (client) => same<typeof client.data, { name: string }>(true)
})

new AsyncServer<User>({
  // @ts-expect-error: the data is of another type
  onhandshake: () => ({ data: { nam: 'Ada' } })
})

// In a subclass, parameters of methods are annotated: TypeScript does not infer them from the base class.
class Annotated extends AsyncServer<User> {
  override onopen(client: Connection<User>) {
    same<typeof client.data, User>(true)
  }
  override async onmessage(client: Connection<User>, message: Message) {
    await client.close(1000, `${client.data.name} ${message.payload}`)
  }
}
new Annotated({ port: 8000 })

class NotAnnotated extends AsyncServer<User> {
  // @ts-expect-error: implicitly any, in TypeScript 6 as before
  override onopen(client) {
    client.send('')
  }
}
new NotAnnotated()

// Fields of a subclass are inferred neither; assignments are.
class Assigned extends AsyncServer<User> {
  constructor() {
    super()
    this.onmessage = (client, message) => client.send(`${client.data.name} ${message.payload}`)
  }
}
new Assigned()

class Wrong extends AsyncServer {
  // @ts-expect-error: no such parameter
  override onopen(client: string) {
    return client
  }
}
new Wrong()

// @ts-expect-error: no such option
new AsyncServer({ prot: 80 })
// @ts-expect-error: a wrong type
new AsyncServer({ port: '80' })
// @ts-expect-error: a wrong word
new AsyncServer({ onslow: 'drop' })

declare const client: Connection
// @ts-expect-error: no message
client.send(5)
// @ts-expect-error: no such option
client.send('x', { fragment: 5 })
