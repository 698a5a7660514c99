// Owns the types of index.cjs; they are written out, so that compilers that know no `require` of a module can read them.

declare const bufferutil: {
  mask(
    source: ArrayBufferView,
    mask: ArrayBufferView,
    output: ArrayBufferView,
    offset: number,
    length: number
  ): void
  unmask(buffer: ArrayBufferView, mask: ArrayBufferView): void
}

export = bufferutil
