// Owns what servers say to each other through a broker, and when: publications, heartbeats, questions. Must not know which
// broker it is.
import { randomBytes } from 'node:crypto'
import { CloseCode, encodeClose } from '../core/closing.js'
import { WebSocketError } from '../core/errors.js'
import { callHandler } from '../handler-calls.js'
import type {
  Backplane,
  BackplaneHost,
  BackplaneMetrics,
  BackplaneState,
  RemotePublication
} from './backplane.js'
import type { Broker, BrokerEvents } from './broker.js'
import { Demand } from './demand.js'
import {
  type Content,
  type Envelope,
  Kind,
  ORIGIN_LENGTH,
  openEnvelope,
  packNumbers,
  packPublication,
  sealEnvelope,
  unpackNumbers,
  unpackPublication,
  WANTS_ANSWER
} from './envelope.js'
import { brokerLost, Line } from './line.js'
import { type BackplaneOptions, type ResolvedBackplaneOptions, resolveBackplaneOptions } from './options.js'
import { Peers } from './peers.js'
import { Questions } from './questions.js'

/** The channel that all servers have. */
const ALL = 'all'
/** A server that is asked to tell of itself waits up to so long for each server there is, so that not all speak at once. */
const ANSWER_SPREAD_MS = 2
/** What an envelope may have besides its body. */
const MAX_REST_BYTES = 512 * 1024
const WARNING_INTERVAL_MS = 1000
/** How long what was published before may take to get out when the server closes. */
const FINISH_MS = 1000

/**
 * Carries publications between servers by a broker: in order for each publisher, at most once, never back to the server that
 * published. `redisBackplane`, `natsBackplane` and `memoryBackplane` make one; for another broker implement `Broker`.
 */
export class BrokerBackplane implements Backplane {
  /** The name of this server among the others: 32 hexadecimal digits, new with each backplane. */
  readonly serverId: string
  readonly #origin = randomBytes(ORIGIN_LENGTH)
  readonly #options: ResolvedBackplaneOptions
  readonly #broker: Broker
  readonly #line: Line
  readonly #demand: Demand
  readonly #peers: Peers
  readonly #questions: Questions
  readonly #counts = {
    published: 0,
    publishedBytes: 0,
    received: 0,
    receivedBytes: 0,
    dropped: 0,
    repeated: 0,
    refused: 0
  }
  #host: BackplaneHost | null = null
  #state: BackplaneState = 'new'
  #sequence = 0
  #heartbeat: NodeJS.Timeout | null = null
  /** Set while this server is about to tell of itself because others asked. */
  #answer: NodeJS.Timeout | null = null
  #closed: Promise<void> | null = null
  #warnedMs = Number.NEGATIVE_INFINITY

  /** Throws WebSocketError 'invalid-option'. */
  constructor(broker: Broker, options: BackplaneOptions = {}) {
    this.#options = resolveBackplaneOptions(options)
    this.#broker = broker
    this.serverId = this.#origin.toString('hex')
    this.#line = new Line(broker, this.#options, { onchange: (isUp, cause) => this.#change(isUp, cause) })
    this.#demand = new Demand(broker, (cause) => this.#warn(cause))
    this.#peers = new Peers(3 * this.#options.heartbeatMs)
    this.#questions = new Questions(this.#options.answerTimeoutMs)
  }

  /** Whether publications pass at the moment. */
  get state(): BackplaneState {
    return this.#state
  }

  metrics(): BackplaneMetrics {
    return {
      state: this.#state,
      servers: this.serverCount(),
      clients: this.clientCount(),
      ...this.#counts
    }
  }

  /** The channels and patterns that the broker is asked for: those of the topics that somebody here subscribes to, and two of its own. */
  get channelCount(): number {
    return this.#demand.size
  }

  /**
   * Resolves when the broker has confirmed that it will bring all that clients here subscribe to by now, or when the backplane is
   * closed: until then publications of other servers may pass by. Waits as long as the broker is not there; at once if no server
   * uses it yet.
   */
  async ready(): Promise<void> {
    if (this.#host !== null) await this.#demand.settled()
  }

  /** Servers that are there, this one included, as far as heartbeats tell: a crashed one counts for three of them. */
  serverCount(): number {
    this.#peers.expire(performance.now())
    return 1 + this.#peers.size
  }

  /** Clients of all servers, as of their last heartbeats. */
  clientCount(): number {
    this.#peers.expire(performance.now())
    return (this.#host?.clientCount ?? 0) + this.#peers.clientCount
  }

  /**
   * Asks all servers how many of their clients subscribe to that very topic or filter. Resolves with the sum; without those that
   * do not answer within answerTimeoutMs.
   */
  async count(topic: string): Promise<number> {
    const here = this.#host?.subscriberCount(topic) ?? 0
    return (
      here + (await this.#ask((number) => ({ kind: Kind.COUNT, name: topic, body: packNumbers(number) })))
    )
  }

  /**
   * Closes a client, wherever it is. `clientId`: its `id`. `code` and `reason`: as of `Connection.close`. Resolves with whether a
   * server has it; false if that server does not answer within answerTimeoutMs. Throws WebSocketError 'invalid-argument' for a code
   * or reason that must not be sent.
   */
  async disconnect(clientId: string, code: number = CloseCode.NORMAL, reason = ''): Promise<boolean> {
    encodeClose(code, reason)
    if (this.#host?.disconnect(clientId, code, reason) === true) return true
    const content = (number: number) => ({
      kind: Kind.DISCONNECT,
      name: clientId,
      key: reason,
      body: packNumbers(number, code)
    })
    return (await this.#ask(content)) > 0
  }

  /** @internal */
  start(host: BackplaneHost): void {
    if (this.#host !== null) {
      const detail = 'a backplane is used by one server, and this one is in use: make one for each'
      throw new WebSocketError('invalid-argument', { detail })
    }
    this.#host = host
    this.#state = 'connecting'
    for (const name of [ALL, this.serverId])
      this.#demand.want([{ name: this.#broker.controlChannel(name), isPattern: false }])
    for (const filter of host.filters()) this.subscribe(filter)
    this.#heartbeat = setInterval(() => this.#beat(), this.#options.heartbeatMs).unref()
    this.#broker.start(this.#makeEvents())
  }

  /** @internal */
  publish(publication: RemotePublication): void {
    if (!this.#tryPublish(publication)) {
      this.#counts.dropped++
      return
    }
    this.#counts.published++
    this.#counts.publishedBytes += publication.message.bytes.length
  }

  /** Returns whether the broker has taken it. */
  #tryPublish(publication: RemotePublication): boolean {
    // Nothing is encoded for a broker that is away.
    if (!this.#line.isUp) return false
    const { topic, message } = publication
    const { length } = message.bytes
    const { maxPublicationBytes } = this.#options
    if (length > maxPublicationBytes) {
      this.#warn(
        `a publication of ${length} bytes is longer than maxPublicationBytes, ${maxPublicationBytes}`
      )
      return false
    }
    if (!this.#line.hasRoom(length)) return false
    const channel = topic === null ? this.#broker.controlChannel(ALL) : this.#broker.topicChannel(topic)
    return this.#send(channel, packPublication(publication))
  }

  /** @internal */
  subscribe(filter: string): void {
    if (this.#closed === null) this.#demand.want(this.#broker.filterChannels(filter))
  }

  /** @internal */
  unsubscribe(filter: string): void {
    if (this.#closed === null) this.#demand.unwant(this.#broker.filterChannels(filter))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if (this.#state === 'connected') this.#send(this.#broker.controlChannel(ALL), { kind: Kind.FAREWELL })
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat)
    if (this.#answer !== null) clearTimeout(this.#answer)
    const wasStarted = this.#state !== 'new'
    this.#setState('closed', null)
    this.#demand.close()
    this.#questions.closeAll()
    await this.#line.finish(FINISH_MS)
    if (wasStarted) await this.#broker.close()
    this.#line.disconnect('closed')
  }

  #makeEvents(): BrokerEvents {
    return {
      onup: (isFresh) => {
        if (this.#state === 'closed') return
        this.#demand.setUp(true, isFresh)
        this.#line.connect()
      },
      ondown: (cause) => {
        if (this.#state === 'closed') return
        this.#demand.setUp(false)
        this.#line.disconnect(cause)
        // The line was never up.
        if (this.#state === 'connecting') this.#setState('lost', brokerLost(cause))
      },
      onbytes: (bytes) => {
        if (this.#state !== 'closed') this.#receive(bytes)
      },
      ondropped: () => {
        this.#counts.dropped++
      },
      onfault: (cause) => this.#warn(cause)
    }
  }

  /** Publications pass, or do not any more. */
  #change(isUp: boolean, cause: WebSocketError | null): void {
    if (this.#state === 'closed') return
    this.#setState(isUp ? 'connected' : 'lost', cause)
    if (!isUp) return
    // Not before the own channels are there: the others answer at once.
    void this.#demand.settled().then(() => this.#tell(WANTS_ANSWER))
  }

  #receive(bytes: Uint8Array): void {
    const isLong = bytes.length > this.#options.maxPublicationBytes + MAX_REST_BYTES
    const envelope = isLong ? null : openEnvelope(bytes)
    if (envelope === null) {
      this.#counts.refused++
    } else if (envelope.origin !== this.serverId) {
      const isNew = this.#peers.hear(envelope.origin, envelope.sequence, performance.now())
      if (!isNew) this.#counts.repeated++
      else if (!this.#handle(envelope)) this.#counts.refused++
    }
  }

  /** Returns whether an envelope keeps to the rules of its kind. */
  #handle(envelope: Envelope): boolean {
    switch (envelope.kind) {
      case Kind.HEARTBEAT:
        return this.#handleHeartbeat(envelope)
      case Kind.FAREWELL:
        this.#peers.delete(envelope.origin)
        return true
      case Kind.COUNT:
      case Kind.DISCONNECT:
        return this.#handleQuestion(envelope)
      case Kind.ANSWER:
        return this.#handleAnswer(envelope)
      default:
        return this.#handlePublication(envelope)
    }
  }

  #handlePublication(envelope: Envelope): boolean {
    const publication = unpackPublication(envelope)
    if (publication === null) return false
    try {
      this.#host!.deliver(publication)
    } catch {
      // No topic.
      return false
    }
    this.#counts.received++
    this.#counts.receivedBytes += envelope.body.length
    return true
  }

  #handleHeartbeat({ origin, flags, body }: Envelope): boolean {
    const numbers = unpackNumbers(body, 1)
    if (numbers === null) return false
    this.#peers.setClientCount(origin, numbers[0]!)
    if (flags === WANTS_ANSWER && this.#answer === null) {
      const delayMs = Math.min(this.#peers.size * ANSWER_SPREAD_MS, this.#options.heartbeatMs)
      this.#answer = setTimeout(() => {
        this.#answer = null
        this.#tell(0)
      }, Math.random() * delayMs).unref()
    }
    return true
  }

  #handleQuestion({ kind, origin, name, key, body }: Envelope): boolean {
    const numbers = unpackNumbers(body, kind === Kind.COUNT ? 1 : 2)
    if (numbers === null) return false
    const [number, code] = numbers as [number, number]
    let answer = 0
    try {
      answer =
        kind === Kind.COUNT
          ? this.#host!.subscriberCount(name)
          : Number(this.#host!.disconnect(name, code, key))
    } catch {
      // No code or reason for a close frame.
      return false
    }
    this.#send(this.#broker.controlChannel(origin), { kind: Kind.ANSWER, body: packNumbers(number, answer) })
    return true
  }

  #handleAnswer({ body }: Envelope): boolean {
    const numbers = unpackNumbers(body, 2)
    if (numbers !== null) this.#questions.answer(numbers[0]!, numbers[1]!)
    return numbers !== null
  }

  /** Resolves with the sum of what the other servers answer. */
  #ask(content: (number: number) => Content): Promise<number> {
    this.#peers.expire(performance.now())
    // Nobody gets it.
    if (!this.#line.isUp) return Promise.resolve(0)
    return this.#questions.ask(this.#peers.size, (number) => {
      this.#send(this.#broker.controlChannel(ALL), content(number))
    })
  }

  #beat(): void {
    this.#peers.expire(performance.now())
    this.#line.check()
    this.#tell(0)
  }

  /** Tells the others that this server is there. */
  #tell(flags: number): void {
    const body = packNumbers(this.#host!.clientCount)
    this.#send(this.#broker.controlChannel(ALL), { kind: Kind.HEARTBEAT, flags, body })
  }

  /** Returns whether the broker has taken it. */
  #send(channel: string, content: Content): boolean {
    if (this.#state !== 'connected') return false
    this.#sequence++
    try {
      this.#line.send(channel, sealEnvelope(this.#origin, this.#sequence, content))
      return true
    } catch (cause) {
      this.#warn(cause)
      return false
    }
  }

  /** Logs what went wrong, at most once in a second. */
  #warn(cause: unknown): void {
    const nowMs = performance.now()
    if (nowMs - this.#warnedMs < WARNING_INTERVAL_MS) return
    this.#warnedMs = nowMs
    this.#host?.logger.warn(`backplane: ${cause instanceof Error ? cause.message : cause}`)
  }

  #setState(state: BackplaneState, cause: WebSocketError | null): void {
    const { logger } = this.#host ?? {}
    this.#state = state
    if (state === 'lost') logger?.warn(`backplane: ${cause!.message}; publications stay in this server`)
    if (state === 'connected') logger?.info(`backplane: connected as server ${this.serverId}`)
    const failHandler = (error: unknown) =>
      logger?.error(`backplane: onstate failed: ${(error as Error | undefined)?.stack ?? error}`)
    callHandler({ failHandler }, () => this.#options.onstate?.(state, cause))
  }
}
