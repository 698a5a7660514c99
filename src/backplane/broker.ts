// Owns what a backplane needs of a broker: channels of bytes. Must not know topics' subscribers, or what the bytes say.

/** A channel of a broker, or a pattern that stands for many. */
export interface Channel {
  readonly name: string
  readonly isPattern: boolean
}

/** What a broker tells a backplane. */
export interface BrokerEvents {
  /** It is connected: for the first time, or again. `isFresh`: nothing is subscribed to; otherwise what was so still is. */
  onup(isFresh: boolean): void
  /** It is not connected any more, or could not be. It goes on trying by itself. */
  ondown(cause: unknown): void
  /** A channel that is subscribed to brought these bytes; once or more often, from one publisher in the order of publication. */
  onbytes(bytes: Uint8Array): void
  /** A publication that it had accepted is not known to have arrived. */
  ondropped(): void
  /** Something else went wrong, e.g. a subscription that it is not allowed. */
  onfault(cause: unknown): void
}

/**
 * A broker, as a `BrokerBackplane` uses it: publish and subscribe, at most once, in order for each publisher. Implement it for
 * brokers that this package has no adapter for.
 */
export interface Broker {
  /** The channel on which publications of a topic go out. Channels of different topics may be the same. */
  topicChannel(topic: string): string
  /** The channels and patterns that bring all publications which a filter matches. They may bring others as well. */
  filterChannels(filter: string): readonly Channel[]
  /** The channel for what servers tell each other. `name`: letters, digits and '-'; no topic has the same channel. */
  controlChannel(name: string): string
  /** Connects, and reports from now on. Called once, before all that follows. */
  start(events: BrokerEvents): void
  /** Publishes. `bytes` do not change any more. Throws what is wrong with them, e.g. that they are too long. */
  publish(channel: string, bytes: Uint8Array): void
  /** Resolves when the broker has confirmed it; rejects when it refuses, or is gone before it has. */
  subscribe(channels: readonly Channel[]): Promise<void>
  /** As `subscribe`. */
  unsubscribe(channels: readonly Channel[]): Promise<void>
  /** Resolves when the broker has taken all that was published before, and still delivers. May wait for ever. */
  flush(): Promise<void>
  /** It is connected and does not answer: makes its connections anew, as far as that is possible. */
  restart(): void
  /** Ends its own connections. What was published before was flushed, if the broker answered in time. */
  close(): Promise<void>
}
