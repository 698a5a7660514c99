// Owns the lengths from which a call into the addon beats the JavaScript twin. Must not know either of them.

/** Shortest piece, in bytes, that is masked natively; the JavaScript twin masks shorter ones. */
export const MASK_NATIVE_MIN_BYTES = 48

/** Shortest piece, in bytes, that is validated natively; the JavaScript twin validates shorter ones. */
export const UTF8_NATIVE_MIN_BYTES = 16
