// Keeps in Redis what was said (a stream per room) and who is where (a hash per room, with a field per server).
import { randomUUID } from 'node:crypto'
import { redisBackplane } from 'hotsocket/redis'
import { createClient } from 'redis'

const KEPT_COUNT = 1000
const SHOWN_COUNT = 100
/** A server that has not been heard of for so long is gone. */
const SILENCE_MS = 15_000

export class RedisStore {
  #redis
  #serverId = randomUUID()
  #rooms = new Set()

  static async open(url) {
    const store = new RedisStore()
    // While Redis is away nothing waits for it: clients get 1011, and come back.
    store.#redis = createClient({ url, disableOfflineQueue: true })
    store.#redis.on('error', (error) => console.error(`Redis: ${error.message}`))
    await store.#redis.connect()
    store.backplane = redisBackplane(store.#redis, { prefix: 'chat' })
    return store
  }

  async add(room, { name, text }) {
    const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: KEPT_COUNT }
    const id = await this.#redis.xAdd(`chat:said:${room}`, '*', { name, text }, { TRIM })
    return { id, name, text }
  }

  async last(room) {
    // Others publish what is said from now on; before Redis has confirmed that, it must come from the stream.
    await this.backplane.ready()
    const entries = await this.#redis.xRevRange(`chat:said:${room}`, '+', '-', { COUNT: SHOWN_COUNT })
    return entries.reverse().map(({ id, message: { name, text } }) => ({ id, name, text }))
  }

  async present(room, here) {
    if (!this.#redis.isOpen) return here
    this.#rooms.add(room)
    const key = `chat:present:${room}`
    await this.#redis.hSet(key, this.#serverId, JSON.stringify({ names: here, atMs: Date.now() }))
    const names = []
    for (const [serverId, value] of Object.entries(await this.#redis.hGetAll(key))) {
      const there = JSON.parse(value)
      if (there.atMs > Date.now() - SILENCE_MS) names.push(...there.names)
      else await this.#redis.hDel(key, serverId)
    }
    return names
  }

  async close() {
    await Promise.all(
      [...this.#rooms].map((room) => this.#redis.hDel(`chat:present:${room}`, this.#serverId))
    )
    await this.#redis.close()
  }
}
