// Owns the lengths from which a call into the addon beats the JavaScript twin. Must not know either of them.
// Measured by bench/kernels.mjs ("short" cases), Node.js 20.20, AMD EPYC with AVX-512. A native call costs 26 to 46 ns,
// most of it for its arguments, and next to nothing per byte; a twin costs 0.5 to 1.3 ns per byte.

/** Shortest piece, in bytes, that is masked into other memory natively: at 40 native took 46 ns and JavaScript 43, at 48 47 and 48. */
export const MASK_NATIVE_MIN_BYTES = 48

/** Shortest piece, in bytes, that is masked in place natively: at 8 native took 26 ns and JavaScript 25, at 16 27 and 29. */
export const MASK_IN_PLACE_NATIVE_MIN_BYTES = 16

/** Shortest piece, in bytes, that is validated natively: at 24 native took 30 ns and JavaScript 24, at 32 30 and 30. */
export const UTF8_NATIVE_MIN_BYTES = 32

/**
 * Longest piece, in bytes, for which `buffer.isUtf8` is asked first: its call costs 20 ns less than one of an addon, its
 * loop 15 to 60 % more. At 2 048 bytes they are level.
 */
export const UTF8_RUNTIME_MAX_BYTES = 2048

/** Shortest piece, in bytes, that is decoded natively: of 128 bytes Latin took 115 ns and Node.js' own function 360, at 64 192 and 203. */
export const DECODE_UTF8_NATIVE_MIN_BYTES = 96
