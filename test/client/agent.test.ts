import { describe, expect, it } from 'vitest'
import { Agent, type Connection } from '../../src/index.js'
import { guard, serve, until } from '../support/harness.js'
import { acceptance, fieldOf, serveRaw } from '../support/raw-server.js'

guard()

describe('an Agent', () => {
  it('has the open connections, in their order', async () => {
    const server = await serve()
    const agent = new Agent()
    const [one, two] = [await agent.connect(server.url!), await agent.connect(server.url!, { data: 5 })]
    expect([...agent.connections]).toEqual([one, two])
    await one.close()
    expect([...agent.connections]).toEqual([two])
    const details = await agent.closeAll()
    expect(details).toMatchObject([{ code: 1001, wasClean: true, initiator: 'local' }])
    expect(agent.connections.size).toBe(0)
  })

  it('has options for all, which those of one replace', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const agent = new Agent({ headers: { 'X-A': 'agent' }, origin: 'https://a.example' })
    const connections = [
      await agent.connect(server.url),
      await agent.connect(server.url, { headers: { 'X-B': 'own' }, origin: undefined! })
    ]
    for (const connection of connections) connection.terminate()
    expect(
      server.requests.map((one) => [fieldOf(one, 'X-A'), fieldOf(one, 'X-B'), fieldOf(one, 'Origin')])
    ).toEqual([
      ['agent', null, 'https://a.example'],
      [null, 'own', 'https://a.example']
    ])
  })

  it('headers that iterate only once serve all connections', async () => {
    const server = await serveRaw((socket, request) => void socket.write(acceptance(request)))
    const agent = new Agent({ headers: new Map([['X-A', '1']]).entries() })
    for (let i = 0; i < 2; i++) (await agent.connect(server.url)).terminate()
    expect(server.requests.map((one) => fieldOf(one, 'X-A'))).toEqual(['1', '1'])
  })

  it('each connection has handlers and data of its own', async () => {
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    const agent = new Agent()
    const told: string[] = []
    const open = (name: string) =>
      agent.connect(server.url!, {
        data: { name },
        onmessage: ({ data }, { payload }) => void told.push(`${data.name} ${payload}`),
        onclose: ({ data }, code) => void told.push(`${data.name} ${code}`)
      })
    const connections = await Promise.all(['a', 'b', 'c'].map(open))
    for (const connection of connections) connection.send('x')
    await until(() => told.length === 3, 'all came back')
    await agent.closeAll(4000, 'enough')
    expect(told.sort()).toEqual(['a 4000', 'a x', 'b 4000', 'b x', 'c 4000', 'c x'])
  })

  it('closeAll aborts what is under way', async () => {
    const server = await serveRaw(() => {})
    const agent = new Agent()
    const faults = [1, 2, 3].map(() => agent.connect(server.url).catch((error: unknown) => error))
    await until(() => server.requests.length === 3, 'the requests came')
    expect(await agent.closeAll()).toEqual([])
    for (const fault of await Promise.all(faults)) expect(fault).toMatchObject({ code: 'aborted' })
    await server.allGone(3)
  })

  it('closeAll refuses a wrong code, and closes nothing then', async () => {
    const server = await serve()
    const agent = new Agent()
    const connection: Connection = await agent.connect(server.url!)
    expect(() => agent.closeAll(1005)).toThrow('close code')
    expect(connection.readyState).toBe(1)
    connection.terminate()
  })

  it('opens many at a time', async () => {
    const server = await serve({ onmessage: (client, message) => void client.send(message) })
    const agent = new Agent()
    let count = 0
    const open = () =>
      agent.connect(server.url!, {
        onmessage: () => {
          count++
        }
      })
    const connections = await Promise.all(Array.from({ length: 200 }, open))
    for (const connection of connections) connection.send('x')
    await until(() => count === 200, 'all came back')
    await agent.closeAll()
    await until(() => server.clients.size === 0, 'all are gone')
  })
})
