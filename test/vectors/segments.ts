// Owns the vectors of the scanner: streams of frames, valid or not, for the scanner decides nothing (RFC 6455 §5.2).

export interface SegmentVector {
  readonly name: string
  /** The stream, in hexadecimal digits. */
  readonly stream: string
  /** Its frames: both header bytes as in `Row.HEADER`, the announced length, and as much payload as there is, unmasked. */
  readonly frames: readonly { readonly header: number; readonly length: bigint; readonly payload: string }[]
}

const frame = (header: number, length: bigint | number, payload: string) => ({
  header,
  length: BigInt(length),
  payload
})

const zeros = (byteLength: number) => '00'.repeat(byteLength)

/** A frame whose length is announced by `lengthDigits` and of which three masked bytes have come: "abc". */
const giant = (name: string, lengthDigits: string, length: bigint): SegmentVector => ({
  name,
  stream: `82ff${lengthDigits}01020304606060`,
  frames: [frame(0xff82, length, '616263')]
})

export const segmentVectors: readonly SegmentVector[] = [
  {
    name: '§5.7 a single unmasked text frame',
    stream: '810548656c6c6f',
    frames: [frame(0x0581, 5, '48656c6c6f')]
  },
  {
    name: '§5.7 a single masked text frame',
    stream: '818537fa213d7f9f4d5158',
    frames: [frame(0x8581, 5, '48656c6c6f')]
  },
  {
    name: '§5.7 a fragmented unmasked text message',
    stream: '010348656c80026c6f',
    frames: [frame(0x0301, 3, '48656c'), frame(0x0280, 2, '6c6f')]
  },
  {
    name: '§5.7 an unmasked ping and its masked pong',
    stream: '890548656c6c6f8a8537fa213d7f9f4d5158',
    frames: [frame(0x0589, 5, '48656c6c6f'), frame(0x858a, 5, '48656c6c6f')]
  },
  {
    name: '§5.7 256 bytes of binary in one unmasked frame',
    stream: `827e0100${zeros(256)}`,
    frames: [frame(0x7e82, 256, zeros(256))]
  },
  {
    name: '§5.2 empty frames, unmasked and masked',
    stream: '8100818001020304820088800a0b0c0d',
    frames: [frame(0x0081, 0, ''), frame(0x8081, 0, ''), frame(0x0082, 0, ''), frame(0x8088, 0, '')]
  },
  {
    name: '§5.2 empty frames whose lengths are not minimal',
    stream: '817e0000827f000000000000000081ff00000000000000000a0b0c0d',
    frames: [frame(0x7e81, 0, ''), frame(0x7f82, 0, ''), frame(0xff81, 0, '')]
  },
  {
    name: '§5.2 short frames whose lengths are not minimal',
    stream: '81fe000237fa213d7f9f817f000000000000000161',
    frames: [frame(0xfe81, 2, '4865'), frame(0x7f81, 1, '61')]
  },
  {
    name: '§5.2 every reserved bit and opcode passes',
    stream: '71016173016287016200016bff8101020304606e0161',
    frames: [
      frame(0x0171, 1, '61'),
      frame(0x0173, 1, '62'),
      frame(0x0187, 1, '62'),
      frame(0x0100, 1, '6b'),
      frame(0x81ff, 1, '61'),
      frame(0x016e, 1, '61')
    ]
  },
  {
    name: '§5.3 a masking key of zeros, and one that changes which bytes are ASCII',
    stream: '818300000000c3bc6181838080808061e262',
    frames: [frame(0x8381, 3, 'c3bc61'), frame(0x8381, 3, 'e162e2')]
  },
  {
    name: '§5.5 a ping between two fragments',
    stream: '01826162636400008981000000007080816162636402',
    frames: [frame(0x8201, 2, '6162'), frame(0x8189, 1, '70'), frame(0x8180, 1, '63')]
  },
  giant('§5.2 a length of 2^31', '0000000080000000', 2n ** 31n),
  giant('§5.2 a length of 2^32 - 1', '00000000ffffffff', 2n ** 32n - 1n),
  giant('§5.2 a length of 2^32', '0000000100000000', 2n ** 32n),
  giant('§5.2 a length of 2^32 + 1', '0000000100000001', 2n ** 32n + 1n),
  giant('§5.2 a length of 2^53', '0020000000000000', 2n ** 53n),
  giant('§5.2 a length of 2^63', '8000000000000000', 2n ** 63n),
  giant('§5.2 a length of 2^64 - 1', 'ffffffffffffffff', 2n ** 64n - 1n)
]
