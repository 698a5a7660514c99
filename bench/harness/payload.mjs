// Owns the JSON that the cases with permessage-deflate send: records as an API might return them, no two alike, the same in
// every run; and the compressed form of it, as a file for the generator. Must not know cases.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync, inflateRawSync, constants as zlib } from 'node:zlib'
import { random } from './random.mjs'

/** What ends a flushed stream, and is left out of a message (RFC 7692 §7.2.1). */
const TAIL = Buffer.from([0, 0, 0xff, 0xff])
/** Beyond it records repeat: that is far more than a window of deflate sees. */
const MAX_VARIED_BYTES = 1 << 20

const WORDS = (
  'able about account active after again amber and answer archive autumn bank basic before bird border bridge call candle ' +
  'carry centre change city clear cloud coast cold common corner count cross current daily dark delta design door early east ' +
  'engine evening every field final first forest garden general glass green ground harbour heavy house idea island item join ' +
  'journey kind lake large later letter level light line local long market matter meadow middle mirror modern morning mountain'
).split(' ')

const payloads = new Map()
let folder = null

/**
 * `text`: JSON of exactly so many ASCII characters. `file`: path of it as one message, compressed by zlib at its default level
 * with the largest window. Made once per process; the files go with it.
 */
export function jsonPayload(byteLength) {
  let payload = payloads.get(byteLength)
  if (payload === undefined) {
    const text = makeJson(byteLength)
    const file = newFile(`json-${byteLength}`)
    const bytes = deflateRawSync(text, { finishFlush: zlib.Z_SYNC_FLUSH })
    writeFileSync(file, bytes.subarray(0, -TAIL.length))
    payload = { text, file }
    payloads.set(byteLength, payload)
  }
  return payload
}

/** Path in a folder that ends with this process. */
export function newFile(name) {
  if (folder === null) {
    folder = mkdtempSync(join(tmpdir(), 'hotsocket-bench-'))
    process.on('exit', () => rmSync(folder, { recursive: true }))
  }
  return join(folder, name)
}

/** The text in a file with one unmasked frame, compressed. */
export function inflateFrame(file) {
  const frame = readFileSync(file)
  const headerBytes = { 126: 4, 127: 10 }[frame[1]] ?? 2
  const bytes = Buffer.concat([frame.subarray(headerBytes), TAIL])
  return inflateRawSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH }).toString()
}

function makeJson(byteLength) {
  const below = random(20_260_401)
  const variedBytes = Math.min(byteLength, MAX_VARIED_BYTES)
  let records = ''
  for (let id = 1; records.length < variedBytes; id++) records += `${JSON.stringify(makeRecord(id, below))},`
  const [head, tail] = ['{"records":[', '],"note":"']
  const closing = '"}'
  // Whole records, as often as they fit; what is left is text.
  const room = byteLength - head.length - tail.length - closing.length
  let body = records.repeat(Math.ceil(room / records.length)).slice(0, room)
  body = body.slice(0, body.lastIndexOf('},{') + 1)
  let note = ''
  while (note.length < room - body.length) note += `${WORDS[below(WORDS.length)]} `
  const text = `${head}${body}${tail}${note.slice(0, room - body.length)}${closing}`
  JSON.parse(text)
  return text
}

function makeRecord(id, below) {
  const word = () => WORDS[below(WORDS.length)]
  return {
    id: 4_711_000 + id,
    key: Array.from({ length: 4 }, () => below(65_536).toString(16).padStart(4, '0')).join('-'),
    name: `${word()} ${word()}`,
    email: `${word()}.${word()}${below(100)}@example.com`,
    active: below(3) > 0,
    balance: below(1_000_000) / 100,
    created: new Date(1.7e12 + below(2 ** 30) * 60).toISOString(),
    tags: Array.from({ length: below(4) }, word),
    position: { lat: (below(180_000) - 90_000) / 1000, lon: (below(360_000) - 180_000) / 1000 },
    text: Array.from({ length: 6 + below(12) }, word).join(' ')
  }
}
