// Owns what a server and a backplane ask of each other. Must not know brokers.
import type { Message } from '../core/message.js'
import type { Logger } from '../log.js'
import type { Overflow } from '../topics/overflow.js'

/**
 * 'new': no server uses it. 'connecting': the broker was not there yet. 'connected': publications go out and come in. 'lost': the
 * broker is gone, or does not answer; local delivery goes on, and what is published reaches nobody else. 'closed': for good.
 */
export type BackplaneState = 'new' | 'connecting' | 'connected' | 'lost' | 'closed'

/** A publication on its way between servers. */
export interface RemotePublication {
  /** Null: it is for all clients. */
  readonly topic: string | null
  readonly message: Message
  readonly compress: boolean | null
  readonly overflow: Overflow | null
  readonly key: string | null
}

/** Figures of a backplane. What is counted is counted since it was made. */
export interface BackplaneMetrics {
  readonly state: BackplaneState
  /** Servers that are there, this one included, as far as heartbeats tell. */
  readonly servers: number
  /** Clients of all of them, as of their last heartbeats. */
  readonly clients: number
  /** Publications of this server that were given to the broker. */
  readonly published: number
  readonly publishedBytes: number
  /** Publications of other servers that were delivered here. */
  readonly received: number
  readonly receivedBytes: number
  /** Publications of this server that the broker did not get, or may not have got: it was lost, slow, or they were too long. */
  readonly dropped: number
  /** What came twice or too late, and was not delivered. */
  readonly repeated: number
  /** What came and was nothing that a server of this version sends. */
  readonly refused: number
}

/** What a backplane needs of the server that uses it. */
export interface BackplaneHost {
  readonly logger: Logger
  readonly clientCount: number
  /** The topics and filters that clients here subscribe to. */
  filters(): Iterable<string>
  /** How many clients here subscribe to that very topic or filter. */
  subscriberCount(topic: string): number
  /** Sends a publication of another server to the clients here. Throws WebSocketError 'invalid-argument' for what is no topic. */
  deliver(publication: RemotePublication): void
  /** Closes the client of that id. Returns whether it is here. */
  disconnect(clientId: string, code: number, reason: string): boolean
}

/** Carries publications between servers: `server.use(backplane)`. `redisBackplane`, `natsBackplane` and `memoryBackplane` make one. */
export interface Backplane {
  metrics(): BackplaneMetrics
  /** @internal A server begins to use it. */
  start(host: BackplaneHost): void
  /** @internal Publishes to the other servers. */
  publish(publication: RemotePublication): void
  /** @internal The first client here subscribes to a topic or filter. */
  subscribe(filter: string): void
  /** @internal The last one here does not any more. */
  unsubscribe(filter: string): void
  /**
   * Says goodbye to the other servers and ends: resolves when the broker has taken all that was published, but no later than after
   * a second. The server that uses it calls it when it has closed.
   */
  close(): Promise<void>
}
