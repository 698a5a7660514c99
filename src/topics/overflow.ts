// Owns the words for what becomes of publications for a client that does not keep up. Must not know how they are carried out.
import { oneOf } from '../checks.js'

/**
 * What becomes of a publication for a client that does not keep up: the kernel refuses bytes for it, and more than its low
 * watermark waits. 'queue': it is sent all the same, as by `send`. 'drop-newest': it is dropped. 'drop-oldest': it waits, and
 * when more than `maxOverflowBytes` do, those that have waited longest are dropped. 'latest': it waits, and takes the place
 * of one that waits with the same key: for prices, positions. 'pause-publisher': it is sent, and the publishing client is not
 * read until the slow one has caught up. 'close': the slow client is closed, with `overflowCloseCode`.
 */
export type Overflow = 'queue' | 'drop-newest' | 'drop-oldest' | 'latest' | 'pause-publisher' | 'close'

/** Checks for an `Overflow`. */
export const overflow = oneOf('queue', 'drop-newest', 'drop-oldest', 'latest', 'pause-publisher', 'close')
