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
