// Owns what the page does: one connection with its reconnects, the list of messages, the box to send, the figures.
// Everything that came over the network is shown as text, never as HTML; everything that grows has a limit.

import { showCharts } from './charts.js'

const NOTES_PROTOCOL = 'hotsocket.notes'
const MAX_SHOWN_MESSAGES = 200
const MAX_SHOWN_CHARACTERS = 4000
const PREVIEW_BYTES = 24
const RENDER_INTERVAL_MS = 50
const STATUS_INTERVAL_MS = 1000
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 15_000
/** What the browser may hold for us when a further message is sent. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024

const $ = (id) => document.getElementById(id)
const number = new Intl.NumberFormat()
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

// ---- the connection

let socket = null
let ownId = null
/** The note that came before the message that comes next; null: a note comes next. */
let note = null
let retryMs = FIRST_RETRY_MS
let retryAt = 0
let retryTimer = null

function connect() {
  clearInterval(retryTimer)
  note = null
  showConnection('connecting', 'Connecting…')
  const url = new URL('/', location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  socket = new WebSocket(url, NOTES_PROTOCOL)
  socket.binaryType = 'arraybuffer'
  socket.onmessage = ({ data }) => takeMessage(data)
  socket.onclose = ({ code }) => retryLater(code)
}

function takeMessage(data) {
  if (note !== null) {
    addMessage(note, data)
    note = null
    return
  }
  const taken = JSON.parse(data)
  if (taken.id === undefined) {
    note = taken
    return
  }
  ownId = taken.id
  retryMs = FIRST_RETRY_MS
  showConnection('open', 'Connected')
  refreshStatus()
}

function retryLater(code) {
  ownId = null
  // A part of chance, so that all pages do not come back at the same moment.
  retryAt = Date.now() + retryMs * (0.75 + Math.random() / 2)
  retryMs = Math.min(retryMs * 2, LAST_RETRY_MS)
  const why =
    code === 1001 ? 'The server stopped' : code === 1006 ? 'No connection' : `Closed with code ${code}`
  const tick = () => {
    const seconds = Math.ceil((retryAt - Date.now()) / 1000)
    if (seconds <= 0) connect()
    else setText($('countdown'), `next try in ${seconds} s`)
  }
  showConnection('closed', why)
  retryTimer = setInterval(tick, 250)
  tick()
}

function showConnection(state, text) {
  $('connection').dataset.state = state
  setText($('connection-text'), text)
  setText($('countdown'), '')
  $('reconnect').hidden = state !== 'closed'
}

$('reconnect').onclick = () => {
  retryMs = FIRST_RETRY_MS
  connect()
  $('text').focus()
}

// ---- the list of messages

/** Messages that are not shown yet: the list changes at most twenty times a second, however many come. */
let pending = []

function addMessage(about, data) {
  const count = pending.push({ about, data })
  if (count === 1) setTimeout(render, RENDER_INTERVAL_MS)
  if (count > MAX_SHOWN_MESSAGES) pending.shift()
}

function render() {
  const scroller = $('scroller')
  const wasAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40
  const list = $('messages')
  list.append(...pending.map(describeMessage))
  pending = []
  while (list.children.length > MAX_SHOWN_MESSAGES) list.firstChild.remove()
  $('empty').hidden = true
  if (wasAtEnd) scroller.scrollTop = scroller.scrollHeight
}

function describeMessage({ about: { from, atMs }, data }) {
  const item = element('li')
  const isMine = from === ownId
  if (isMine) item.dataset.mine = ''
  const sender = isMine ? element('b', '', 'You') : element('b', 'id', from.slice(0, 8))
  sender.title = from
  const about = element('div', 'about')
  about.append(dot(from), sender, element('time', '', clock.format(atMs)))
  item.append(about, ...(typeof data === 'string' ? describeText(data) : describeBytes(data)))
  return item
}

function describeText(text) {
  const shown = element('p', 'text', text.slice(0, MAX_SHOWN_CHARACTERS))
  shown.dir = 'auto'
  if (text.length <= MAX_SHOWN_CHARACTERS) return [shown]
  const rest = number.format(text.length - MAX_SHOWN_CHARACTERS)
  return [shown, element('p', 'cut', `and ${rest} more characters`)]
}

function describeBytes(buffer) {
  const size = element(
    'p',
    'text',
    `${number.format(buffer.byteLength)} ${plural(buffer.byteLength, 'byte')}`
  )
  const preview = Array.from(new Uint8Array(buffer, 0, Math.min(PREVIEW_BYTES, buffer.byteLength)), toHex)
  const dots = buffer.byteLength > PREVIEW_BYTES ? ' …' : ''
  const lines = [size, element('p', 'bytes', preview.join(' ') + dots)]
  // Browsers have this only for pages over TLS and of the same machine.
  if (isSecureContext) {
    const digest = element('p', 'bytes digest')
    crypto.subtle.digest('SHA-256', buffer).then((hash) => {
      digest.textContent = `SHA-256 ${Array.from(new Uint8Array(hash), toHex).join('')}`
    })
    lines.push(digest)
  }
  return lines
}

// ---- the box to send

$('composer').onsubmit = (event) => {
  event.preventDefault()
  const box = $('text')
  if (box.value === '') return
  if (send(box.value, new Blob([box.value]).size)) box.value = ''
  fitBox()
  box.focus()
}

$('text').onkeydown = (event) => {
  // While an input method composes, Enter chooses a candidate.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  $('composer').requestSubmit()
}

$('text').oninput = fitBox

$('file').onchange = async (event) => {
  const [file] = event.target.files
  event.target.value = ''
  if (file === undefined || isTooLong(file.size)) return
  try {
    const bytes = await file.arrayBuffer()
    send(bytes, bytes.byteLength)
  } catch (error) {
    setText($('notice'), `${file.name} cannot be read: ${error.message}`)
  }
}

/** Sends, or says why not; then what was to be sent stays in its box. */
function send(data, byteLength) {
  if (isTooLong(byteLength)) return false
  if (ownId === null) return refuse('Not connected: nothing was sent.')
  if (socket.bufferedAmount > MAX_BUFFERED_BYTES)
    return refuse('Earlier messages are still on their way: nothing was sent.')
  socket.send(data)
  setText($('notice'), '')
  return true
}

function isTooLong(byteLength) {
  const limit = status?.maxMessageBytes ?? Number.POSITIVE_INFINITY
  if (byteLength <= limit) return false
  refuse(
    `${number.format(byteLength)} bytes are more than the server takes (${number.format(limit)}): nothing was sent.`
  )
  return true
}

function refuse(why) {
  setText($('notice'), why)
  return false
}

function fitBox() {
  const box = $('text')
  box.style.height = 'auto'
  box.style.height = `${box.scrollHeight + 2}px`
}

// ---- the figures

let status = null

async function refreshStatus() {
  if (document.hidden) return
  try {
    const response = await fetch('/status', { signal: AbortSignal.timeout(5000) })
    status = await response.json()
  } catch {
    // The connection's state says that the server is away; old figures would say otherwise.
    status = null
  }
  showStatus()
}

function showStatus() {
  showCharts(status)
  setText($('clients'), status === null ? '–' : number.format(status.clientCount))
  setText($('rate'), status === null ? '–' : number.format(status.messagesPerSecond))
  setText($('queued'), status === null ? '–' : number.format(status.queuedBytes))
  setText($('tier'), status?.tier ?? '–')
  const audience = status?.isEcho ? 'you alone' : 'everyone'
  setText($('empty'), `Nothing has been said yet. What is sent appears here, for ${audience}.`)
  showUsers(status?.users ?? [], status?.clientCount ?? 0)
}

/** Changes only what has changed, so that nothing flickers and no selection is lost. */
function showUsers(users, clientCount) {
  const list = $('users')
  const gone = new Map(Array.from(list.children, (item) => [item.dataset.id, item]))
  for (const user of users) {
    if (!gone.delete(user.id)) list.append(describeUser(user))
  }
  for (const item of gone.values()) item.remove()
  for (const item of list.children)
    setText(item.querySelector('.you'), item.dataset.id === ownId ? 'you' : '')
  const moreCount = clientCount - users.length
  $('more-users').hidden = moreCount <= 0
  setText($('more-users'), `and ${number.format(moreCount)} more`)
}

function describeUser({ id, address, sinceMs }) {
  const item = element('li')
  item.dataset.id = id
  const name = element('b', 'id', id.slice(0, 8))
  name.title = id
  const where = element('small', '', `${address ?? 'unknown address'}, since ${clock.format(sinceMs)}`)
  item.append(dot(id), name, element('span', 'you'), where)
  return item
}

// ---- helpers

function element(name, className = '', text = '') {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.textContent = text
  return made
}

/** A dot in a colour of the client's own, taken from its id. */
function dot(id) {
  const made = element('span', 'dot')
  made.style.setProperty('--hue', String(Number.parseInt(id.slice(0, 4), 16) % 360))
  return made
}

/** Leaves an unchanged text alone: live regions would read it again. */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text
}

function toHex(byte) {
  return byte.toString(16).padStart(2, '0')
}

function plural(count, word) {
  return count === 1 ? word : `${word}s`
}

document.addEventListener('visibilitychange', refreshStatus)
setInterval(refreshStatus, STATUS_INTERVAL_MS)
connect()
