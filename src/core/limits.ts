// Owns the limits that a receiver enforces, with their defaults.

/** What one peer may make this endpoint hold. Each limit fires before the bytes behind it are buffered. */
export interface Limits {
  /** Longest message, in bytes after decoding by extensions; beyond it the connection fails with 1009. Default 64 MiB. Raising it: one peer may make the process hold that much, and twice that while the pieces of a message are joined. */
  readonly maxMessageBytes: number
  /** Longest frame, in bytes on the wire; beyond it the connection fails with 1009. Default: as `maxMessageBytes`. */
  readonly maxFrameBytes: number
  /** Most frames of one message; beyond it the connection fails with 1008. Default 65 536 (4 MiB in 64-byte frames). Raising it: more work per message, no more memory. */
  readonly maxFragments: number
  /**
   * Of a peer's pings that come while earlier pongs wait to be sent, so many are answered one by one; of more only the
   * newest is, when the output is empty again (RFC 6455 §5.5.3). Of our own pings, so many are remembered. Default 64.
   */
  readonly maxUnansweredPings: number
}

/** The defaults of `Limits`. */
export const DEFAULT_LIMITS: Limits = {
  maxMessageBytes: 64 * 1024 * 1024,
  maxFrameBytes: 64 * 1024 * 1024,
  maxFragments: 65_536,
  maxUnansweredPings: 64
}
