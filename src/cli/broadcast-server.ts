// Owns the broadcast: who gets which message, what happens to those who cannot keep up, and the figures about it.
// Must not know command lines, HTTP, or how the page looks.
import {
  AsyncServer,
  CloseCode,
  type Connection,
  type HandshakeDecision,
  type HandshakeRequest,
  type Message,
  type ServerOptions,
  TextMessage
} from '../index.js'
import { createHostCheck } from './host-check.js'
import { MessageRate } from './message-rate.js'

/**
 * The subprotocol of clients that want to know who sent what. They get a note, a text message of JSON, before each
 * broadcast message: `{"from": id of the sender, "atMs": Unix time}`; and first of all `{"id": their own id}`.
 */
export const NOTES_PROTOCOL = 'hotsocket.notes'

/** What the server keeps with each client. */
export interface UserData {
  /** Unix time in ms at which it connected. */
  readonly sinceMs: number
}

/** Who is connected. */
export interface User extends UserData {
  readonly id: string
  readonly address: string | null
}

/** Figures about a broadcast server at one moment. */
export interface BroadcastStatus {
  readonly tier: AsyncServer['tier']
  readonly isEcho: boolean
  readonly clientCount: number
  /** Messages that arrived, ever. */
  readonly messageCount: number
  /** Messages that arrived in the last full second. */
  readonly messagesPerSecond: number
  /** Bytes that wait in all send queues. */
  readonly queuedBytes: number
  readonly maxMessageBytes: number
}

/** Options of a `BroadcastServer`: those of servers, except for what it decides itself. */
export interface BroadcastOptions extends Omit<ServerOptions, 'protocols' | 'onslow'> {
  /** Send each message back to its sender only. Default false: to all, the sender included. */
  isEcho?: boolean
  /**
   * How long a client may take to read what is queued for it, once that is more than `highWatermarkBytes`, in ms. Then it
   * is closed with 1008. Default 10 000. Raising it: one client that does not read holds up all senders for that long.
   */
  slowTimeoutMs?: number
}

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024
const HIGH_WATERMARK_BYTES = 1024 * 1024
/** Often enough for a chart of round trips. */
const PING_INTERVAL_MS = 5_000

/**
 * Sends every message to all clients. Nothing is lost and memory stays bounded: a sender is not read while a client that
 * gets its messages has more than `highWatermarkBytes` queued; a client that stays behind is closed.
 */
export class BroadcastServer extends AsyncServer<UserData> {
  readonly #isEcho: boolean
  readonly #maxMessageBytes: number
  readonly #highWatermarkBytes: number
  readonly #slowTimeoutMs: number
  readonly #rate = new MessageRate()
  /** Clients that are behind, and until when senders wait for them. */
  readonly #behind = new Map<Connection<UserData>, Promise<void>>()
  /** Whether a request that names this host is for this server. */
  readonly isOwnHost: (host: string | undefined) => boolean

  /** Throws WebSocketError 'invalid-option', naming the option that is wrong. */
  constructor(options: BroadcastOptions = {}) {
    const { isEcho = false, slowTimeoutMs = 10_000, ...rest } = options
    const maxMessageBytes = rest.maxMessageBytes ?? MAX_MESSAGE_BYTES
    const highWatermarkBytes = rest.highWatermarkBytes ?? HIGH_WATERMARK_BYTES
    super({
      pingIntervalMs: PING_INTERVAL_MS,
      ...rest,
      maxMessageBytes,
      highWatermarkBytes,
      protocols: [NOTES_PROTOCOL]
    })
    this.isOwnHost = createHostCheck(rest.host ?? '')
    this.#isEcho = isEcho
    this.#maxMessageBytes = maxMessageBytes
    this.#highWatermarkBytes = highWatermarkBytes
    this.#slowTimeoutMs = slowTimeoutMs
  }

  override onhandshake({ host }: HandshakeRequest): HandshakeDecision<UserData> {
    if (!this.isOwnHost(host)) return { status: 403 }
    return { data: { sinceMs: Date.now() } }
  }

  override onopen(client: Connection<UserData>): void {
    if (client.protocol === NOTES_PROTOCOL) client.send(JSON.stringify({ id: client.id }))
  }

  override onmessage(client: Connection<UserData>, message: Message): void {
    this.#rate.add(performance.now())
    const slow: Connection<UserData>[] = []
    let note: Message | null = null
    for (const receiver of this.#isEcho ? [client] : this.clients) {
      if (receiver.protocol === NOTES_PROTOCOL) {
        note ??= new TextMessage(JSON.stringify({ from: client.id, atMs: Date.now() }))
        receiver.send(note)
      }
      const isAccepted = receiver.send(message) !== 'dropped'
      if (isAccepted && receiver.bufferedAmount > this.#highWatermarkBytes) slow.push(receiver)
    }
    if (slow.length > 0) void this.#holdBack(client, slow)
  }

  /** The first `limit` of those who are connected, in the order in which they came. */
  users(limit: number): User[] {
    const users: User[] = []
    for (const { id, remoteAddress, data } of this.clients) {
      if (users.length === limit) break
      users.push({ id, address: remoteAddress, sinceMs: data.sinceMs })
    }
    return users
  }

  /** The figures of this moment. */
  get status(): BroadcastStatus {
    let queuedBytes = 0
    for (const client of this.clients) queuedBytes += client.bufferedAmount
    return {
      tier: this.tier,
      isEcho: this.#isEcho,
      clientCount: this.clients.size,
      messageCount: this.#rate.total,
      messagesPerSecond: this.#rate.perSecond(performance.now()),
      queuedBytes,
      maxMessageBytes: this.#maxMessageBytes
    }
  }

  /** Reads from the sender again when all of `slow` have caught up or are being closed. */
  async #holdBack(sender: Connection<UserData>, slow: readonly Connection<UserData>[]): Promise<void> {
    sender.pause()
    await Promise.all(slow.map((client) => this.#catchUp(client)))
    sender.resume()
  }

  /** One wait for all senders: a client that is behind has the same time, however many there are. */
  #catchUp(client: Connection<UserData>): Promise<void> {
    const waiting = this.#behind.get(client)
    if (waiting !== undefined) return waiting
    const caughtUp = new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        void client.close(CloseCode.POLICY_VIOLATION, 'too slow')
        resolve()
      }, this.#slowTimeoutMs)
      void client.drained().then(() => {
        clearTimeout(timer)
        resolve()
      })
    }).finally(() => this.#behind.delete(client))
    this.#behind.set(client, caughtUp)
    return caughtUp
  }
}
