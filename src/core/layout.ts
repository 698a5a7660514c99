// Owns the layout of the segment table and of a scanner's state: which word means what.
// The C++ header native/generated/layout.h is generated from this file; no other file may number a word.

/** Words (32-bit) in one row of the segment table. */
export const ROW_WORDS = 8

/**
 * Columns of one row of the segment table, an `Int32Array`. A row describes one piece of one frame's payload.
 * Source: RFC 6455 §5.2.
 */
export const Row = {
  /** The slot the bytes belong to; copied from `ScanState.SLOT`. */
  SLOT: 0,
  /** The generation of that slot, so that rows of a closed slot can be told apart; copied from the state. */
  GENERATION: 1,
  /** A `RowKind` in the low 8 bits, `RowFlag`s in the next 8, a text's number above those (see `TEXT_SHIFT`). */
  KIND: 2,
  /** Both raw header bytes of the frame: the first in bits 0-7, the second in bits 8-15. */
  HEADER: 3,
  /** Low 32 bits (unsigned) of the frame's payload length in bytes, as announced by its header. */
  LENGTH_LOW: 4,
  /** High 32 bits (unsigned) of that length. */
  LENGTH_HIGH: 5,
  /** Where the piece begins in the scanned chunk, in bytes. */
  OFFSET: 6,
  /** Length of the piece in bytes; 0 for a frame whose payload is empty or has not begun to arrive. */
  BYTE_LENGTH: 7
} as const

/** What a row says, in the low 8 bits of `Row.KIND`. Scanners make segments; the others are the engine's. */
export const RowKind = {
  /** A piece of a frame's payload. */
  SEGMENT: 1,
  /** The peer will send no more bytes. */
  END: 2,
  /** The socket failed; `LENGTH_LOW` is the errno. */
  ERROR: 3,
  /** The kernel took bytes that had to wait; `LENGTH_LOW` and `LENGTH_HIGH` say how many still do. */
  SENT: 4,
  /** A socket was accepted; `LENGTH_LOW` is its listener's number. */
  OPEN: 5,
  /** Bytes that arrived before the upgrade, in `OFFSET` and `BYTE_LENGTH`; the slot is paused. */
  RAW: 6,
  /** The listener in `SLOT` cannot accept; `LENGTH_LOW` is the errno. */
  REFUSED: 7
} as const

/** Facts about a segment, in `Row.KIND` above the low 8 bits. */
export const RowFlag = {
  /** The first row of its frame. A frame's header yields a row as soon as it is whole. */
  FIRST: 0x100,
  /** The last row of its frame: the payload ends with this piece. */
  LAST: 0x200,
  /** Every byte of the piece (after unmasking) is below 0x80. Set for an empty piece, too; never for one of a binary frame. */
  ASCII: 0x400,
  /** The piece stands in the memory that the connection gave for it (`Protocol.receiveRows`), not in the arena. */
  DIRECT: 0x800
} as const

/**
 * How far a text's number stands to the left in `Row.KIND`: the row is a whole message of ASCII text, which whoever delivers
 * the row has made a string of already, the so-manieth of its call, counted from 1. 0: it has not.
 */
export const TEXT_SHIFT = 16

/** Words (32-bit) in the state that a scanner keeps for one connection. All zero is the state of a new one. */
export const SCAN_STATE_WORDS = 14

/** Columns of a scanner's state, an `Int32Array`. Both twins read and write the same state. */
export const ScanState = {
  /** Out: how many bytes of the chunk, counted from its start, the last scan has stepped over. */
  CONSUMED: 0,
  /** 0: collecting a header. 1: inside a frame's payload. */
  PHASE: 1,
  /** Bytes of a split header held in `HEADER` (0-13); inside a payload: the header's whole length (2-14). */
  HEADER_LENGTH: 2,
  /** First of four words that hold the header's bytes in wire order. */
  HEADER: 3,
  /** Low and high 32 bits (unsigned) of the payload bytes that are still to come. */
  LEFT_LOW: 7,
  LEFT_HIGH: 8,
  /** The masking key in wire order (first byte lowest), rotated so that its lowest byte masks the next byte; 0 when unmasked. */
  MASKING_KEY: 9,
  /** Low and high 32 bits (unsigned) of the frame's payload length. */
  LENGTH_LOW: 10,
  LENGTH_HIGH: 11,
  /** Set by the caller once; copied into every row. */
  SLOT: 12,
  GENERATION: 13
} as const
