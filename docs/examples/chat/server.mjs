// A chat whose rooms are topics. Run: node docs/examples/chat/server.mjs
// With REDIS_URL=redis://127.0.0.1 what was said outlives it, and all servers with that Redis are one chat.
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Server } from 'hotsocket'
import { MemoryStore } from './memory-store.mjs'

const ROOMS = ['lobby', 'garden', 'workshop']
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._-]{0,31}$/u
const MAX_TEXT_LENGTH = 1000
/** A client may say ten things per second; what comes faster waits in its kernel. */
const MESSAGE_INTERVAL_MS = 100
/** Those who come and go at the same time are told of together. */
const PRESENCE_DELAY_MS = 50
const PRESENCE_INTERVAL_MS = 5000

const { REDIS_URL, PORT = 8000 } = process.env
const store = REDIS_URL
  ? await (await import('./redis-store.mjs')).RedisStore.open(REDIS_URL)
  : new MemoryStore()

const server = new Server({
  host: '127.0.0.1',
  port: Number(PORT),
  locations: ['/chat'],
  // The longest text, if each of its characters is escaped.
  maxMessageBytes: 64 + 6 * MAX_TEXT_LENGTH,
  // A page that does not keep up is closed with 1013: it comes back, and gets what was said meanwhile.
  overflow: 'close',

  // Nobody proves a name here: see "Who may connect" in the README.
  onhandshake({ query }) {
    const name = query.get('name')?.normalize() ?? ''
    return NAME.test(name) ? { data: { name, room: null } } : { status: 400, body: 'That is no name.\n' }
  },

  onopen: (client) => tell(client, { type: 'welcome', rooms: ROOMS }),

  // The next message of this client is read when this is done.
  async onmessage(client, { payload }) {
    const command = parse(payload)
    if (command?.type === 'join') await join(client, command)
    else if (command?.type === 'say' && client.data.room !== null) await say(client, command)
    else await client.close(1008, 'that is no command')
    await delay(MESSAGE_INTERVAL_MS)
  },

  onclose: ({ data }) => showPresenceSoon(data.room)
})
if (store.backplane) server.use(store.backplane)

/** Enters a room instead of the one before, and gets what was last said there. */
async function join(client, { room }) {
  const { data } = client
  if (data.room !== null) {
    client.unsubscribe(`rooms/${data.room}`)
    showPresenceSoon(data.room)
  }
  data.room = room
  // First of all, so that there is no gap: the page leaves out what it gets twice.
  client.subscribe(`rooms/${room}`)
  tell(client, { type: 'history', room, messages: await store.last(room) })
  showPresenceSoon(room)
}

async function say({ data: { name, room } }, { text }) {
  const message = await store.add(room, { name, text })
  server.publish(`rooms/${room}`, JSON.stringify({ type: 'said', room, message }))
}

/** What a client asks for; null if it must not. */
function parse(payload) {
  let command
  try {
    command = JSON.parse(payload)
  } catch {
    return null
  }
  const { type, room, text } = command ?? {}
  if (type === 'join' && ROOMS.includes(room)) return { type, room }
  if (type === 'say' && typeof text === 'string' && text.trim() !== '' && text.length <= MAX_TEXT_LENGTH)
    return { type, text }
  return null
}

function tell(client, what) {
  client.send(JSON.stringify(what))
}

/** Rooms whose presence is about to be shown. */
const changed = new Set()
/** What was last shown, by rooms. */
const shown = new Map()

async function showPresenceSoon(room) {
  if (room === null || changed.has(room)) return
  changed.add(room)
  await delay(PRESENCE_DELAY_MS)
  changed.delete(room)
  shown.delete(room)
  await showPresence(room)
}

/** Tells all in a room, at this server and others, who is there, if that is news. */
async function showPresence(room) {
  const here = [...server.clients].filter(({ data }) => data.room === room).map(({ data }) => data.name)
  try {
    const names = [...new Set(await store.present(room, here))].sort()
    const text = JSON.stringify({ type: 'present', room, names })
    // For a page that does not keep up a list takes the place of the one before.
    if (text !== shown.get(room)) server.publish(`rooms/${room}`, text, { overflow: 'latest', key: room })
    shown.set(room, text)
  } catch (error) {
    console.error(`who is in the ${room} cannot be told: ${error.message}`)
  }
}

// A sign of life for other servers; and who was at one that ended without a word is noticed.
const heartbeat = setInterval(() => ROOMS.forEach(showPresence), PRESENCE_INTERVAL_MS)

/** What is served, by path. */
const files = new Map()
for (const [path, name, type] of [
  ['/', 'page.html', 'text/html'],
  ['/page.css', 'page.css', 'text/css'],
  ['/page.js', 'page.js', 'text/javascript']
])
  files.set(path, { type, body: await readFile(new URL(name, import.meta.url)) })

server.http.on('request', ({ url }, response) => {
  const file = files.get(url)
  if (file === undefined) return response.writeHead(404).end()
  response.setHeader('Content-Type', `${file.type}; charset=utf-8`)
  // The page shows what others say as text; should that ever fail, no script of theirs runs.
  response.setHeader('Content-Security-Policy', "default-src 'self'; img-src data:; frame-ancestors 'none'")
  response.end(file.body)
})

await server.listen()
console.log(`http://127.0.0.1:${server.port}/`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(heartbeat)
    await server.drain({ deadlineMs: 10_000, jitterMs: 1000 })
    await store.close()
  })
}
