// Owns the conversion between bytes and latin1 text (one character per byte), which is what HTTP heads are made of.
// Must not know what the text means. TextDecoder's "latin1" is windows-1252 and differs in 0x80-0x9F.

/** Arguments per call of String.fromCharCode, far below what any engine's stack takes. */
const PIECE_BYTES = 4096

/** Decodes bytes as latin1: byte n is character U+00nn. */
export function decodeLatin1(bytes: Uint8Array): string {
  let text = ''
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    // `apply` takes any array-like, whatever its type says; spreading the piece takes five times as long.
    const piece = bytes.subarray(from, from + PIECE_BYTES) as ArrayLike<number> as number[]
    text += String.fromCharCode.apply(null, piece)
  }
  return text
}

/** Encodes latin1 text. The caller has made sure that no character is above U+00FF. */
export function encodeLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
