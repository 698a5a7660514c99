// Owns what can be told about a socket of the engine. Must not know what has become of it: an arrival or a transport.
import type { EngineBinding } from '../core/engine-binding.js'
import type { ChannelIdType, TransportDetails, TransportFacts } from '../core/transport-details.js'
import { channelIdOf } from './channel-id.js'
import { describeEnds } from './stream-facts.js'

/** What can be told about one slot's socket, which is plain. */
export class EngineFacts implements TransportFacts {
  readonly #binding: EngineBinding
  readonly #slot: number
  readonly #generation: number

  constructor(binding: EngineBinding, slot: number, generation: number) {
    this.#binding = binding
    this.#slot = slot
    this.#generation = generation
  }

  /** Asked of the kernel each time: kept, it would take memory of every connection. */
  transportDetails(): TransportDetails | null {
    if (!this.#isLive) return null
    const [binding, slot, generation] = [this.#binding, this.#slot, this.#generation]
    const ends = describeEnds(
      binding.engineLocalAddress(slot, generation),
      binding.engineLocalPort(slot, generation),
      binding.engineRemoteAddress(slot, generation),
      binding.engineRemotePort(slot, generation)
    )
    return { ...ends, encrypted: false, tls: null }
  }

  channelId(type: ChannelIdType): Uint8Array {
    return channelIdOf(null, type, !this.#isLive)
  }

  /** A slot gets another generation when its socket is closed. */
  get #isLive(): boolean {
    return this.#binding.engineGeneration(this.#slot) === this.#generation
  }
}
