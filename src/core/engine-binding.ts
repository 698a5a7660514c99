// Owns the shape of the addon's engine as JavaScript sees it. The words of records and rows are numbered here and in
// core/layout.ts; C++ checks every number it is given.

/**
 * Words of one record of `engineSend`: slot, generation, where the bytes are, how many. Where: an offset in the send arena, or
 * ~index of a piece, whose first bytes they are; or `TEXTS`: so many texts, which are encoded and framed then.
 */
export const RECORD_WORDS = 4
/** In a record: see `RECORD_WORDS`. */
export const TEXTS = 0x4000_0000
/** Words of one entry that `engineSend` leaves in `stuck`: slot, low and high word of the bytes that wait. */
export const STUCK_WORDS = 3

/** The functions of the addon behind `EngineLoop`. A wrong argument throws TypeError. */
export interface EngineBinding {
  /**
   * Enters this thread's event loop. `onbatch` gets the rows from `from` to `to` (exclusive) of the `total` in `table`, whose
   * offsets point into the arena, and the texts of these rows (see `TEXT_SHIFT`): a batch with many texts comes in several calls. It
   * must not throw. The arrays are the engine's from here on. `hasLibuv`: the event loop is libuv's; if not, a thread wakes
   * it. Returns whether the runtime has what the engine needs.
   */
  engineOpen(
    onbatch: (from: number, to: number, total: number, ...texts: string[]) => void,
    table: Int32Array,
    arena: Uint8Array,
    sendArena: Uint8Array,
    records: Int32Array,
    stuck: Int32Array,
    textLengths: Int32Array,
    hasLibuv: boolean
  ): boolean
  /**
   * Takes a duplicate of a connected socket over, paused. `isOwned`: the descriptor is the engine's, which closes it. `head`:
   * bytes that were read of it already; they come first.
   * Returns its slot, or -1 where the kernel refuses.
   */
  engineAdopt(descriptor: number, isOwned: boolean, head: Uint8Array): number
  /**
   * Accepts on a duplicate of a listening socket: `RowKind.OPEN` for each socket that is accepted, then `RowKind.RAW` for what
   * arrives on it, one at a time (`engineResume` asks for the next). Returns the listener's number, or -1 where the kernel refuses.
   */
  engineListen(descriptor: number): number
  /** Tries again after `RowKind.REFUSED`. */
  engineAcceptAgain(listener: number): void
  /** Closes a listening socket; what it accepted lives on. */
  engineStopListening(listener: number): void
  /** From here on the bytes of an accepted socket are frames, `head` first. It is paused then. */
  engineUpgrade(slot: number, generation: number, head: Uint8Array): void
  /** Gives a slot's descriptor away. Returns it, or -1 if the slot is not live. */
  engineRelease(slot: number, generation: number): number
  /** Address of a live slot's peer, or null if it has none. */
  engineRemoteAddress(slot: number, generation: number): string | null
  /** Port of a live slot's peer; 0 if it has none. */
  engineRemotePort(slot: number, generation: number): number
  /** Address of this end of a live slot's socket, or null if it has none; asked of the kernel. */
  engineLocalAddress(slot: number, generation: number): string | null
  /** Port of this end of a live slot's socket; 0 if it has none. */
  engineLocalPort(slot: number, generation: number): number
  /** What tells a slot's connection from earlier ones. */
  engineGeneration(slot: number): number
  /** Encodes a part of the texts that the next `engineSend` is about, behind those before it. */
  engineEncode(texts: string): void
  /**
   * Sends the first `recordCount` records; those that are no offsets name elements of `pieces`, or texts: `texts` has the rest of them, one behind the
   * other, `textLengths` (of `engineOpen`) the UTF-16 length of each. Returns how many entries `stuck` has. Pieces of which much waits are kept until they are sent; a slot whose piece is gone by then fails.
   */
  engineSend(recordCount: number, pieces: readonly Uint8Array[], texts: string): number
  /**
   * Lends memory for the rest of the frame that is arriving: it is received into `bytes`, until these are full or the
   * frame ends; the rows of it have `RowFlag.DIRECT`, and offsets in `bytes`. To be called at the end of a batch. Returns
   * false if the engine is not amid a frame, or has read more of it already.
   */
  engineReceiveInto(slot: number, generation: number, bytes: Uint8Array): boolean
  /** Has texts of that slot come as bytes: no strings are made of them. */
  engineKeepTexts(slot: number, generation: number): void
  /** Has the process wait for the end of that slot, as it does at first. */
  engineRef(slot: number, generation: number): void
  /** Lets the process end without that slot. */
  engineUnref(slot: number, generation: number): void
  enginePause(slot: number, generation: number): void
  engineResume(slot: number, generation: number): void
  /** Ends the sending side when all that waits is sent. */
  engineEnd(slot: number, generation: number): void
  /** As `engineEnd`, behind the records of that slot in the next `engineSend`: bytes and end go out together. */
  engineEndBehind(slot: number, generation: number): void
  engineClose(slot: number, generation: number): void
}
