// Keeps what was said in this process, and knows who is there of this process.
const KEPT_COUNT = 100

export class MemoryStore {
  #rooms = new Map()
  #count = 0

  /** Keeps a message; returns it with an id that is greater than all before. */
  add(room, { name, text }) {
    const message = { id: `${Date.now()}-${this.#count++}`, name, text }
    const messages = this.#rooms.get(room) ?? []
    messages.push(message)
    if (messages.length > KEPT_COUNT) messages.shift()
    this.#rooms.set(room, messages)
    return message
  }

  /** What was last said, in that order. */
  last(room) {
    return this.#rooms.get(room) ?? []
  }

  /** The names of all who are in a room; `here`: those of this process. */
  present(_room, here) {
    return here
  }

  close() {}
}
