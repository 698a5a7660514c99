// Owns which channels of a broker are wanted, and has the broker follow. Must not know topics.
import type { Broker, Channel } from './broker.js'

interface Want {
  readonly channel: Channel
  /** By how many filters; 0: not any more. */
  count: number
  isSubscribed: boolean
}

/** Somebody waits until that round is over. */
interface Waiter {
  round: number
  readonly resolve: () => void
}

const NOTHING: ReadonlySet<string> = new Set()

/** The channels that one server wants from its broker. */
export class Demand {
  readonly #broker: Broker
  readonly #wants = new Map<string, Want>()
  /** Those of which the broker has to be told. */
  readonly #changed = new Set<string>()
  /** Those of which it is being told: what has changed meanwhile comes after. */
  #underWay: ReadonlySet<string> = NOTHING
  /** How often it has begun to tell the broker what has changed. */
  #round = 0
  readonly #waiters: Waiter[] = []
  #isUp = false
  #isClosed = false
  #isWorking = false
  readonly #onfault: (cause: unknown) => void

  /** `onfault`: the broker refuses a subscription. */
  constructor(broker: Broker, onfault: (cause: unknown) => void) {
    this.#broker = broker
    this.#onfault = onfault
  }

  /** How many channels are wanted. */
  get size(): number {
    let size = 0
    for (const { count } of this.#wants.values()) if (count > 0) size++
    return size
  }

  want(channels: readonly Channel[]): void {
    for (const channel of channels) this.#change(channel, 1)
  }

  unwant(channels: readonly Channel[]): void {
    for (const channel of channels) this.#change(channel, -1)
  }

  /**
   * The broker is there, or not: what has changed meanwhile it is told as soon as it is. `isFresh`: it knows nothing of what it was
   * told before.
   */
  setUp(isUp: boolean, isFresh = false): void {
    this.#isUp = isUp
    if (!isUp) return
    for (const [place, want] of this.#wants) {
      if (isFresh) want.isSubscribed = false
      if (want.count > 0 !== want.isSubscribed) this.#changed.add(place)
      this.#forget(place)
    }
    // What was confirmed in the round under way is worth nothing.
    if (isFresh) for (const waiter of this.#waiters) waiter.round = this.#round + 1
    this.#schedule()
    if (this.#isSettled) this.#wake(Number.POSITIVE_INFINITY)
  }

  /** Resolves when the broker has confirmed all that is wanted at this moment; waits as long as it is not there. */
  async settled(): Promise<void> {
    if (this.#isClosed || this.#isSettled) return
    // What changes from now on is none of theirs: under load there is always something.
    const round = this.#changed.size > 0 ? this.#round + 1 : this.#round
    await new Promise<void>((resolve) => this.#waiters.push({ round, resolve }))
  }

  /** Nothing will be confirmed any more. */
  close(): void {
    this.#isClosed = true
    this.#isUp = false
    this.#changed.clear()
    this.#wake(Number.POSITIVE_INFINITY)
  }

  get #isSettled(): boolean {
    return this.#isUp && this.#changed.size === 0 && !this.#isWorking
  }

  #change(channel: Channel, by: number): void {
    const place = `${channel.isPattern ? '*' : ' '}${channel.name}`
    const want = this.#wants.get(place) ?? { channel, count: 0, isSubscribed: false }
    want.count += by
    this.#wants.set(place, want)
    this.#changed.add(place)
    // However many come and go while the broker is away.
    this.#forget(place)
    this.#schedule()
  }

  /** What changes in one turn of the event loop the broker is told at once. */
  #schedule(): void {
    if (!this.#isUp || this.#isWorking || this.#changed.size === 0) return
    this.#isWorking = true
    setImmediate(() => void this.#work())
  }

  async #work(): Promise<void> {
    while (this.#isUp && this.#changed.size > 0) {
      const places = [...this.#changed]
      this.#changed.clear()
      this.#round++
      this.#underWay = new Set(places)
      await this.#tell(places, true)
      await this.#tell(places, false)
      this.#underWay = NOTHING
      for (const place of places) this.#forget(place)
      if (this.#isUp) this.#wake(this.#round)
    }
    this.#isWorking = false
    if (this.#isSettled) this.#wake(Number.POSITIVE_INFINITY)
  }

  /** Has the broker subscribe, or not any more, to those places where that is wanted. */
  async #tell(places: readonly string[], isSubscribed: boolean): Promise<void> {
    const changed = places
      .flatMap((place) => this.#wants.get(place) ?? [])
      .filter((want) => want.count > 0 === isSubscribed && want.isSubscribed !== isSubscribed)
    try {
      const channels = changed.map(({ channel }) => channel)
      if (channels.length > 0) await this.#broker[isSubscribed ? 'subscribe' : 'unsubscribe'](channels)
      for (const want of changed) want.isSubscribed = isSubscribed
    } catch (cause) {
      // When the broker is back, `setUp` asks for what is not there yet.
      if (!this.#isUp) return
      // One that the broker refuses must not keep the others from what they want.
      if (places.length === 1) this.#onfault(cause)
      else for (const place of places) await this.#tell([place], isSubscribed)
    }
  }

  /** Unless the broker has it, or may have it in a moment. */
  #forget(place: string): void {
    const want = this.#wants.get(place)
    if (want === undefined || want.count > 0 || want.isSubscribed || this.#underWay.has(place)) return
    this.#wants.delete(place)
    this.#changed.delete(place)
  }

  #wake(round: number): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.round <= round) waiter.resolve()
      else this.#waiters.push(waiter)
    }
  }
}
