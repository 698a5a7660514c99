// Owns the functions that run inside the page. JavaScript, because the project's types know no DOM; each stands alone,
// because it is sent to the browser as text.

/** Reads the messages that are shown. */
export function readMessages(items) {
  return items.map((item) => ({
    isMine: item.hasAttribute('data-mine'),
    sender: item.querySelector('b').textContent,
    lines: Array.from(item.querySelectorAll('p'), (line) => line.textContent)
  }))
}

/** Reads the figures: their values by their names. */
export function readFigures(items) {
  return Object.fromEntries(items.map((item) => Array.from(item.children, (part) => part.textContent)))
}

/** Tells where the focus is and whether one can see it. The input for files is hidden; its label shows the focus. */
export function describeFocus() {
  const focused = document.activeElement
  const shown = focused.id === 'file' ? focused.nextElementSibling : focused
  const { outlineStyle, outlineWidth } = getComputedStyle(shown)
  return { id: focused.id, isOutlined: outlineStyle === 'solid' && outlineWidth === '3px' }
}

/** Tells the width that the page takes, and what stands out of the window. */
export function describeWidth() {
  const tooWide = Array.from(document.body.querySelectorAll('*')).filter(
    (one) => one.getBoundingClientRect().right > innerWidth
  )
  return {
    pageWidth: document.documentElement.scrollWidth,
    tooWide: tooWide.map((one) => one.id || one.className)
  }
}

/** Tries to open a connection; resolves with 'open', or with the code it was closed with. */
export function tryToConnect(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url)
    socket.onopen = () => resolve('open')
    socket.onclose = ({ code }) => resolve(code)
  })
}

/** Sends texts to a server that sends each back twice; resolves with what was agreed on, and the indices of wrong answers. */
export function echoAll({ url, texts }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    const wrong = []
    let count = 0
    socket.onopen = () => {
      for (const text of texts) socket.send(text)
    }
    socket.onmessage = ({ data }) => {
      if (data !== texts[count >> 1]) wrong.push(count)
      count++
      if (count === 2 * texts.length) resolve({ extensions: socket.extensions, wrong })
    }
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code} after ${count} messages`))
  })
}

/** Connects, sends messages and waits for each to come back, closes; resolves at the end with what happened. */
export function converse({ url, protocols = [], messages, binaryType = 'arraybuffer', close }) {
  const socket = new WebSocket(url, protocols)
  socket.binaryType = binaryType
  const decode = ({ base64 }) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  const payloads = messages.map((message) => (typeof message === 'string' ? message : decode(message)))
  const wrong = []
  let protocol = null
  let count = 0
  const finish = () =>
    close && (close.code === null ? socket.close() : socket.close(close.code, close.reason))
  const isSame = async (data, payload) => {
    if (typeof payload === 'string') return data === payload
    const isOfKind = binaryType === 'blob' ? data instanceof Blob : data instanceof ArrayBuffer
    const bytes = new Uint8Array(data instanceof Blob ? await data.arrayBuffer() : data)
    return isOfKind && bytes.length === payload.length && bytes.every((byte, at) => byte === payload[at])
  }
  return new Promise((resolve) => {
    socket.onopen = () => {
      protocol = socket.protocol
      for (const payload of payloads) socket.send(payload)
      if (payloads.length === 0) finish()
    }
    socket.onmessage = async ({ data }) => {
      const index = count++
      if (!(await isSame(data, payloads[index]))) wrong.push(index)
      if (count === payloads.length) finish()
    }
    socket.onclose = ({ code, reason, wasClean }) =>
      resolve({ protocol, wrong, closed: { code, reason, wasClean } })
  })
}

/** Whether a canvas has a pixel of that colour; red, green and blue, 0 to 255. */
export function hasColour(canvas, [red, green, blue]) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  for (let at = 0; at < data.length; at += 4) {
    const isNear = [red, green, blue].every((wanted, index) => Math.abs(data[at + index] - wanted) < 12)
    if (isNear && data[at + 3] > 200) return true
  }
  return false
}
