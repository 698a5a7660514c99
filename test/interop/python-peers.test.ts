// Debian's WebSocket libraries for Python, as clients of an AsyncServer and as servers for `connect`: the same cases for all.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type ClientOptions,
  type Connection,
  connect,
  DeflateMessage,
  type DeflateMessageOptions,
  type Message
} from '../../src/index.js'
import { certificate } from '../support/certificate.js'
import { cleanUp, guard, pattern, recorder, serve, until } from '../support/harness.js'
import { encodeFrame } from '../support/raw-client.js'
import {
  isInstalled,
  needLibrary,
  type PeerMessage,
  type PeerOptions,
  PYTHON_LIBRARIES,
  type PythonEnd,
  PythonPeer
} from './python-peer.js'

guard()

const MESSAGES: readonly (readonly [what: string, message: PeerMessage])[] = [
  ['ASCII text', 'Hello'],
  ['text of other characters', 'Grüße, 漢字 😀'],
  ['empty text', ''],
  ['text of 70 000 characters', 'ä€😀x'.repeat(14_000)],
  ...[0, 125, 126, 65_535, 65_536, 1_048_576].map(
    (byteLength) => [`binary of ${byteLength} bytes`, pattern(byteLength)] as const
  )
]
const FRAGMENTED = MESSAGES.filter(([, { length }]) => length > 0)

const CLOSES: readonly (readonly [code: number | null, reason: string])[] = [
  [1000, 'bye'],
  [1001, 'grüße'],
  [3000, ''],
  [4999, 'x'.repeat(123)],
  [null, '']
]

/** Frames that break a rule, and how hotsocket fails them. */
interface Violation {
  readonly what: string
  readonly frames: readonly (readonly [opcode: number, hex: string, fin: boolean])[]
  readonly closeCode: number
  readonly error: string
}
const VIOLATIONS: readonly Violation[] = [
  {
    what: '§8.1 text that ends within a character',
    frames: [[1, '48c3', true]],
    closeCode: 1007,
    error: 'invalid-utf8'
  },
  {
    what: '§8.1 a fragment that is not UTF-8',
    frames: [
      [1, '48', false],
      [0, 'ff', true]
    ],
    closeCode: 1007,
    error: 'invalid-utf8'
  },
  { what: '§5.2 a reserved opcode', frames: [[3, '00', true]], closeCode: 1002, error: 'reserved-opcode' },
  {
    what: '§5.5 a fragmented ping',
    frames: [[9, '00', false]],
    closeCode: 1002,
    error: 'fragmented-control'
  },
  {
    what: '§5.4 a continuation of nothing',
    frames: [[0, '00', true]],
    closeCode: 1002,
    error: 'unexpected-continuation'
  }
]

/** Options that servers and clients of ours share. */
type OwnOptions = Pick<ClientOptions, 'protocols' | 'extensions' | 'maxMessageBytes'> & {
  readonly tls?: { key: string; cert: string } | { rejectUnauthorized: boolean }
}

/** Both ends of one connection. */
interface Pair {
  readonly end: PythonEnd
  readonly connection: Connection
  /** What happened at our end; messages are in `received`. */
  readonly lines: readonly string[]
  readonly received: PeerMessage[]
}

type OpenPair = (python: PythonPeer, options?: PeerOptions, own?: OwnOptions) => Promise<Pair>

function record() {
  const { lines, handlers } = recorder()
  const received: PeerMessage[] = []
  const onmessage = (_: Connection, { payload }: Message) => void received.push(payload)
  return { lines, received, handlers: { ...handlers, onmessage } }
}

const openAsClient: OpenPair = async (python, options, own) => {
  const { lines, received, handlers } = record()
  const server = await serve({ ...own, ...handlers })
  const end = await python.connect(server.url!, options)
  await until(() => server.clients.size === 1, 'the connection is open')
  const [connection] = server.clients
  return { end, connection: connection!, lines, received }
}

const openAsServer: OpenPair = async (python, options, own) => {
  const { lines, received, handlers } = record()
  const { end, url } = await python.serve(options)
  const connection = await connect(url, { ...own, ...handlers })
  cleanUp(() => connection.terminate())
  await end.readOpen()
  return { end, connection, lines, received }
}

/** Whether two messages are of one kind and have the same content. */
const isSame = (one: PeerMessage, other: PeerMessage) =>
  typeof one === typeof other && Buffer.from(one as string).equals(Buffer.from(other as string))

/** Sends a message each way, in so many fragments, and compares all of it. */
async function exchange({ end, connection, received }: Pair, message: PeerMessage, parts: number) {
  end.send(message, parts)
  connection.send(message, parts === 1 ? {} : { fragmentSize: Math.ceil(Buffer.byteLength(message) / parts) })
  const heard = await end.readMessage()
  await until(() => received.length > 0, 'the message')
  expect([isSame(heard, message), isSame(received.shift()!, message)]).toEqual([true, true])
}

describe.each(PYTHON_LIBRARIES)('$name', (library) => {
  const isThere = isInstalled(library)
  let python: PythonPeer
  beforeAll(() => {
    if (isThere) python = new PythonPeer(library)
  })
  afterAll(() => (isThere ? python.stop() : undefined))
  beforeEach((context) => needLibrary(context, isThere, library))

  describe.each<[role: string, open: OpenPair, isPeerMasking: boolean]>([
    ['as client', openAsClient, true],
    ['as server', openAsServer, false]
  ])('%s', (_, open, isPeerMasking) => {
    it.each(MESSAGES)('§5.6 exchanges %s', async (_, message) => exchange(await open(python), message, 1))

    it.each(FRAGMENTED)('§5.4 exchanges fragments: %s', async (_, message) =>
      exchange(await open(python), message, 3)
    )

    it('§5.5.2 pings and pongs go both ways', async () => {
      const { end, connection, lines } = await open(python)
      end.ping('from Python')
      expect((await end.read('pong')).data).toBe('from Python')
      connection.sendPing('from hotsocket')
      await until(() => lines.length === 3, 'the pong')
      expect(lines).toEqual(['open', 'ping from Python', 'pong from hotsocket timed'])
    })

    it.each(CLOSES.filter(([code]) => library.closeCodes.includes(code)))(
      '§7.4 hears the close code %s with %j',
      async (code, reason) => {
        const { end, lines } = await open(python)
        end.close(code, reason)
        expect((await end.readClose()).code).toBe(code ?? 1005)
        await until(() => lines.length === 2, 'the end')
        expect(lines[1]).toBe(`close ${code ?? 1005} "${reason}" clean remote null`)
      }
    )

    it.each(CLOSES)('§7.4 closes with %s and %j', async (code, reason) => {
      const { end, connection, lines } = await open(python)
      const details = connection.close(code, reason)
      expect(await end.readClose()).toEqual({ code: code ?? 1005, reason })
      // ws4py writes the code 1005 into a close frame, which §7.4.1 forbids.
      const isRight = code !== null || library.name !== 'ws4py'
      const answered = {
        code: library.answerTo(code ?? 1005),
        wasClean: true,
        initiator: 'local',
        cause: null
      }
      expect(await details).toMatchObject(isRight ? answered : { code: 1006, cause: { code: 'close-code' } })
      await until(() => connection.readyState === 3, 'the end')
      expect(lines.filter((line) => line.startsWith('error'))).toEqual(isRight ? [] : ['error close-code'])
    })

    it('§1.9 agrees on a subprotocol', async () => {
      const { end, connection } = await open(
        python,
        { protocols: ['superchat'] },
        { protocols: ['superchat'] }
      )
      expect([end.protocol, connection.protocol]).toEqual(['superchat', 'superchat'])
    })

    it.each(VIOLATIONS)('is failed for $what', async ({ frames, closeCode, error }) => {
      const { end, lines } = await open(python)
      const encode = ([opcode, hex, fin]: Violation['frames'][number]) =>
        encodeFrame(opcode, Buffer.from(hex, 'hex'), { fin, isMasked: isPeerMasking })
      end.write(Buffer.concat(frames.map(encode)))
      expect((await end.readClose()).code).toBe(closeCode)
      await until(() => lines.length === 3, 'the end')
      expect(lines.slice(1)).toEqual([`error ${error}`, `close 1006 "" unclean local ${error}`])
    })

    it('§5.1 is failed for the wrong mask bit', async () => {
      const { end, lines } = await open(python)
      end.write(encodeFrame(1, Buffer.from('Hello'), { isMasked: !isPeerMasking }))
      expect((await end.readClose()).code).toBe(1002)
      await until(() => lines.length === 3, 'the end')
      expect(lines[1]).toBe(`error ${isPeerMasking ? 'unmasked-frame' : 'masked-frame'}`)
    })

    it('is failed with 1009 for a message above maxMessageBytes', async () => {
      const { end, connection, lines } = await open(python, {}, { maxMessageBytes: 1000 })
      end.send(pattern(1000))
      end.send(pattern(1001), 3)
      expect((await end.readClose()).code).toBe(1009)
      await until(() => connection.readyState === 3, 'the end')
      expect(lines[1]).toBe('error message-too-big')
    })

    if (library.limits)
      it('fails a message above its own limit with 1009', async () => {
        const { end, connection, lines } = await open(python, { maxBytes: 1000 })
        connection.send(pattern(1000))
        connection.send(pattern(1001))
        expect(isSame(await end.readMessage(), pattern(1000))).toBe(true)
        await until(() => lines.length === 2, 'the end')
        expect(lines[1]).toMatch(/^close 1009 ".*" clean remote null$/)
      })

    it('keeps hundreds of messages of all sizes in order', async () => {
      const { end, connection, received } = await open(python)
      const messages = Array.from({ length: 300 }, (_, index) => {
        const payload = pattern((index * 137) % 3000, index)
        return index % 2 === 0 ? payload : payload.toString('latin1')
      })
      for (const [index, message] of messages.entries()) {
        end.send(message, 1 + (index % 3))
        connection.send(message, index % 3 === 0 ? {} : { fragmentSize: 1000 })
      }
      let wrong = 0
      for (const message of messages) if (!isSame(await end.readMessage(), message)) wrong++
      await until(() => received.length === messages.length, 'all messages')
      expect([wrong, messages.filter((message, index) => !isSame(received[index]!, message)).length]).toEqual(
        [0, 0]
      )
    })

    it('speaks wss:', async () => {
      const { key, cert } = await certificate()
      const folder = await mkdtemp(join(tmpdir(), 'hotsocket-'))
      cleanUp(() => rm(folder, { recursive: true }))
      const tls = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
      await Promise.all([writeFile(tls.key, key), writeFile(tls.cert, cert)])
      const own = isPeerMasking ? { key, cert } : { rejectUnauthorized: false }
      const pair = await open(python, { tls }, { tls: own })
      for (const [, message] of MESSAGES) await exchange(pair, message, 1)
      pair.end.close(1000, '')
      expect((await pair.end.readClose()).code).toBe(1000)
    })

    if (library.compresses)
      it.each<DeflateMessageOptions>([
        { thresholdBytes: 0 },
        { thresholdBytes: 0, serverNoContextTakeover: false, clientNoContextTakeover: false }
      ])('RFC 7692 compresses with %j, whole messages and fragments', async (options) => {
        const pair = await open(python, { compress: true }, { extensions: [new DeflateMessage(options)] })
        expect(pair.end.extensions).toEqual(['permessage-deflate'])
        for (const [, message] of MESSAGES) await exchange(pair, message, 1)
        for (const [, message] of FRAGMENTED) await exchange(pair, message, 3)
      })
  })
})
