// Holds what `require` returns of the accelerators to its promises; the compiler is the test runner (npm run types).
import bufferutil = require('../../src/accelerators/bufferutil.js')
import isValidUTF8 = require('../../src/accelerators/utf-8-validate.js')
import installedBufferutil = require('../../packages/hotsocket-bufferutil/index.cjs')
import installedIsValidUTF8 = require('../../packages/hotsocket-utf-8-validate/index.cjs')

const bytes = Buffer.alloc(4)
for (const { mask, unmask } of [bufferutil, installedBufferutil]) {
  mask(bytes, bytes, bytes, 0, 4) satisfies void
  unmask(new DataView(bytes.buffer), bytes) satisfies void
  // @ts-expect-error: the length is missing.
  mask(bytes, bytes, bytes, 0)
  // @ts-expect-error: a key is bytes.
  unmask(bytes, 0x3d21fa37)
}
for (const validate of [isValidUTF8, installedIsValidUTF8]) {
  validate(bytes) satisfies boolean
  // @ts-expect-error: a string is always valid.
  validate('text')
}
