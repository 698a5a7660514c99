// Owns the types of index.cjs; they are written out, so that compilers that know no `require` of a module can read them.

declare function isValidUTF8(buffer: ArrayBufferView): boolean

export = isValidUTF8
