// One connection that comes back, and one room at a time. What others wrote is shown by textContent, and never as HTML.
const MIN_DELAY_MS = 500
const MAX_DELAY_MS = 30_000
const STABLE_AFTER_MS = 10_000
const MAX_SHOWN = 500

const $ = (id) => document.getElementById(id)
/** Ids are numbers with a '-' between them. */
const { compare } = new Intl.Collator('en', { numeric: true })

let socket = null
let rooms = []
let room = null
let failures = 0

$('enter').onsubmit = (event) => {
  event.preventDefault()
  sessionStorage.setItem('name', $('name').value)
  enter()
}

function enter() {
  $('enter').hidden = true
  $('chat').hidden = false
  connect()
}

/** Connects, and again whenever that is over, later each time, as `connectPersistently` of hotsocket does. */
function connect() {
  const url = new URL('chat', location.href.replace(/^http/, 'ws'))
  url.hash = ''
  url.searchParams.set('name', sessionStorage.getItem('name'))
  let openedAt = Number.POSITIVE_INFINITY
  show('Connecting')
  socket = new WebSocket(url)
  socket.onopen = () => {
    openedAt = performance.now()
  }
  socket.onmessage = ({ data }) => take(JSON.parse(data))
  socket.onclose = ({ code, reason }) => {
    $('send').disabled = true
    if (code === 1008) return show(`Closed: ${reason}`)
    if (performance.now() - openedAt > STABLE_AFTER_MS) failures = 0
    // A part of chance, so that all pages do not come back at the same moment.
    const delayMs = Math.random() * Math.min(MIN_DELAY_MS * 2 ** failures++, MAX_DELAY_MS)
    show(`No connection (${code}), next try in ${Math.ceil(delayMs / 1000)} s`)
    setTimeout(connect, delayMs)
  }
}

function take(event) {
  if (event.type === 'welcome') {
    rooms = event.rooms
    show('Connected')
    $('send').disabled = false
    join()
  }
  // What is still on its way from the room before.
  if (event.room !== room) return
  if (event.type === 'said') addMessages([event.message])
  if (event.type === 'history') addMessages(event.messages)
  if (event.type === 'present')
    $('present').replaceChildren(...event.names.map((name) => element('li', name)))
}

/** Enters the room of the address, or goes on there. */
function join() {
  const wanted = location.hash.slice(1)
  const next = rooms.includes(wanted) ? wanted : rooms[0]
  if (next !== room) {
    room = next
    $('messages').replaceChildren()
    $('present').replaceChildren()
    $('rooms').replaceChildren(...rooms.map(describeRoom))
  }
  send({ type: 'join', room })
}

function describeRoom(name) {
  const link = element('a', name)
  link.href = `#${name}`
  if (name === room) link.setAttribute('aria-current', 'page')
  return link
}

addEventListener('hashchange', () => socket?.readyState === WebSocket.OPEN && join())

/** Adds messages by their ids: they come in any order if servers tell of them at the same time, and again after a reconnect. */
function addMessages(messages) {
  const list = $('messages')
  const wasAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
  for (const { id, name, text } of messages) {
    let before = list.lastElementChild
    while (before !== null && compare(before.dataset.id, id) > 0) before = before.previousElementSibling
    if (before?.dataset.id === id) continue
    const item = element('li', '')
    item.dataset.id = id
    item.append(element('b', name), element('span', text))
    if (before === null) list.prepend(item)
    else before.after(item)
  }
  while (list.children.length > MAX_SHOWN) list.firstElementChild.remove()
  if (wasAtEnd) list.scrollTop = list.scrollHeight
}

function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  made.dir = 'auto'
  return made
}

$('say').onsubmit = (event) => {
  event.preventDefault()
  if ($('send').disabled) return
  send({ type: 'say', text: $('text').value })
  $('text').value = ''
}

function send(command) {
  socket.send(JSON.stringify(command))
}

function show(text) {
  $('connection').textContent = text
}

if (sessionStorage.getItem('name') !== null) enter()
