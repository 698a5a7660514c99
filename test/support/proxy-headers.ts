// Owns headers of the PROXY protocol, version 2, as bytes.

/** What version 2 begins with. */
export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** A header. `first`: version and command; `second`: family and protocol; `rest`: addresses and additions. */
export function block(first: number, second: number, rest: readonly number[]): Buffer {
  const fixed = Buffer.from([...SIGNATURE, first, second, rest.length >> 8, rest.length & 255])
  return Buffer.concat([fixed, Buffer.from(rest)])
}

/** An addition (type, length, value). */
export function addition(type: number, value: string): number[] {
  return [type, value.length >> 8, value.length & 255, ...Buffer.from(value, 'latin1')]
}
