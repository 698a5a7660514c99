// The rules about what may arrive are proved by the conformance suite; here is what rows and memory come to.
import { describe, expect, it } from 'vitest'
import type { WebSocketError } from '../../src/core/errors.js'
import { ROW_WORDS, Row, SCAN_STATE_WORDS } from '../../src/core/layout.js'
import type { BinaryMessage, Message, TextMessage } from '../../src/core/message.js'
import { binary, more, ping, text } from '../conformance/vector.js'
import { encode, type FrameSpec, hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { HandledReceiver, type ReceiverHandler } from './handled-receiver.js'
import { fixedEnvironment } from './support.js'

const environment = fixedEnvironment()

class Recorder implements ReceiverHandler {
  readonly receiver = new HandledReceiver(this)
  readonly messages: Message[] = []
  readonly controls: (readonly [number, Uint8Array])[] = []
  readonly errors: WebSocketError[] = []
  onevent = () => {}

  receiveMessage(message: Message): void {
    this.messages.push(message)
    this.onevent()
  }

  receiveControl(opcode: number, payload: Uint8Array): void {
    this.controls.push([opcode, payload])
    this.onevent()
  }

  receiveWork(): void {}

  receiveViolation(error: WebSocketError): void {
    this.errors.push(error)
  }
}

function scan(frames: readonly FrameSpec[]): { table: Int32Array; rowCount: number; chunk: Uint8Array } {
  const chunk = join(frames.map((frame) => encode(frame, 'server')))
  const table = new Int32Array(100 * ROW_WORDS)
  const rowCount = environment.kernels.scan(new Int32Array(SCAN_STATE_WORDS), chunk, 0, table)
  return { table, rowCount, chunk }
}

describe('receive', () => {
  it('takes the rows from one index to another, and returns where to go on', () => {
    const { receiver, messages } = new Recorder()
    const { table, chunk } = scan([text('a'), text('b'), text('c'), text('d')])
    expect(receiver.receive(table, 1, 3, chunk)).toBe(3)
    expect(messages.map(({ payload }) => payload)).toEqual(['b', 'c'])
  })

  it('stops behind the row whose handler paused', () => {
    const recorder = new Recorder()
    const { table, rowCount, chunk } = scan([text('a'), ping(hex('01')), text('c')])
    recorder.onevent = () => {
      recorder.receiver.isPaused = true
    }
    for (const next of [1, 2, 3]) {
      recorder.receiver.isPaused = false
      expect(recorder.receiver.receive(table, next - 1, rowCount, chunk)).toBe(next)
    }
    recorder.receiver.isPaused = true
    expect(recorder.receiver.receive(table, 0, rowCount, chunk)).toBe(0)
  })

  it('skips all rows once it is done, though it is paused', () => {
    const recorder = new Recorder()
    const { table, rowCount, chunk } = scan([text('a'), text('b')])
    recorder.onevent = () => {
      recorder.receiver.isDone = recorder.receiver.isPaused = true
    }
    expect(recorder.receiver.receive(table, 0, rowCount, chunk)).toBe(rowCount)
    expect(recorder.messages).toHaveLength(1)
  })

  it('names the header bytes of a frame that breaks a rule', () => {
    const recorder = new Recorder()
    const { table, rowCount, chunk } = scan([{ ...text('a'), rsv: 0x40 }, text('b')])
    expect(recorder.receiver.receive(table, 0, rowCount, chunk)).toBe(rowCount)
    expect(recorder.errors.map(({ message }) => message)).toEqual([
      'a frame has a reserved bit set that no negotiated extension uses: frame header 0xc1 0x81 (RFC 6455 §5.2)'
    ])
    expect([recorder.messages, recorder.receiver.isDone]).toEqual([[], true])
  })
})

describe('memory', () => {
  it('a small binary message does not pin its chunk; one that fills it is a view', () => {
    const { receiver, messages } = new Recorder()
    const { table, rowCount, chunk } = scan([binary(noise(10)), binary(noise(1000))])
    receiver.receive(table, 0, rowCount, chunk)
    const [small, large] = messages.map((message) => (message as BinaryMessage).payload)
    expect([toHex(small!), toHex(large!)]).toEqual([toHex(noise(10)), toHex(noise(1000))])
    expect([small!.buffer.byteLength, large!.buffer === chunk.buffer]).toEqual([10, true])
  })

  it('short ASCII text is a string at once; other text keeps its bytes until it is read', () => {
    const { receiver, messages } = new Recorder()
    const { table, rowCount, chunk } = scan([text('a'.repeat(1024)), text('a'.repeat(1025)), text('ä')])
    receiver.receive(table, 0, rowCount, chunk)
    expect(messages.map((message) => (message as TextMessage).isEncoded)).toEqual([false, true, true])
    chunk.subarray(chunk.length - 2).fill(0)
    expect(messages.map(({ payload }) => payload)).toEqual(['a'.repeat(1024), 'a'.repeat(1025), 'ä'])
  })

  it('a control payload is a copy', () => {
    const { receiver, controls } = new Recorder()
    const { table, rowCount, chunk } = scan([ping(utf8('ping'))])
    receiver.receive(table, 0, rowCount, chunk)
    chunk.fill(0)
    expect(controls).toEqual([[9, utf8('ping')]])
  })

  it('fragments are joined in memory of their own', () => {
    const { receiver, messages } = new Recorder()
    const { table, rowCount, chunk } = scan([binary(hex('0102'), { fin: false }), more(hex('03'))])
    receiver.receive(table, 0, rowCount, chunk)
    chunk.fill(0)
    expect(messages.map(({ bytes }) => toHex(bytes))).toEqual(['010203'])
  })
})

it("§5.2 lengths are judged as unsigned 64-bit numbers, whatever the row's words say as signed ones", () => {
  for (const [low, high, code] of [
    [-1, 0, 'frame-too-big'],
    [0, 1, 'frame-too-big'],
    [0, 0x7fffffff, 'frame-too-big'],
    [-1, -1, 'length-overflow'],
    [0, -0x80000000, 'length-overflow'],
    [125, 0, 'length-not-minimal']
  ] as const) {
    const recorder = new Recorder()
    const { table, chunk } = scan([binary(noise(0), { announced: 70_000n })])
    table[Row.LENGTH_LOW] = low
    table[Row.LENGTH_HIGH] = high
    recorder.receiver.receive(table, 0, 1, chunk)
    expect(recorder.errors.map((error) => error.code)).toEqual([code])
  }
})
