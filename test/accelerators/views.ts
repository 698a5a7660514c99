// Owns the views, and what is none, that both accelerators are called with.

/** Copies bytes, a multiple of 4, into a view of an unusual kind. */
export const ODD_VIEWS: Readonly<Record<string, (bytes: Uint8Array) => ArrayBufferView>> = {
  'a DataView': (bytes) => new DataView(new Uint8Array(bytes).buffer),
  'an Int8Array': (bytes) => new Int8Array(new Uint8Array(bytes).buffer),
  'a Uint8ClampedArray': (bytes) => new Uint8ClampedArray(bytes),
  'a Uint16Array, within its memory': (bytes) => {
    const memory = new Uint8Array(bytes.length + 6)
    memory.set(bytes, 4)
    return new Uint16Array(memory.buffer, 4, bytes.length / 2)
  },
  'a Float32Array': (bytes) => new Float32Array(new Uint8Array(bytes).buffer),
  'shared memory': (bytes) => {
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    return shared
  },
  'memory that can grow': (bytes) => {
    const growing = new Uint8Array(new ResizableArrayBuffer(8, { maxByteLength: 4096 }))
    growing.buffer.resize(bytes.length)
    growing.set(bytes)
    return growing
  }
}

/** `ArrayBuffer`, whose second parameter the library of types for Node.js 20 does not have. */
const ResizableArrayBuffer = ArrayBuffer as unknown as new (
  byteLength: number,
  options: { maxByteLength: number }
) => ArrayBuffer & { resize(byteLength: number): void }

export const NO_VIEWS: readonly unknown[] = [
  undefined,
  null,
  0,
  'bytes',
  {},
  { length: 8 },
  [1, 2, 3, 4],
  new ArrayBuffer(8),
  new SharedArrayBuffer(8),
  Symbol('bytes'),
  () => 4,
  Object.create(Uint8Array.prototype)
]
