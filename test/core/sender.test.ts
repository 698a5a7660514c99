import { describe, expect, it } from 'vitest'
import { TextMessage, toMessage } from '../../src/core/message.js'
import { OutputBytes } from '../../src/core/output.js'
import { IN_ONE_FRAME, Sender } from '../../src/core/sender.js'
import type { Role } from '../../src/core/terms.js'
import { readSent } from '../conformance/subject.js'
import { hex, join, noise, toHex, utf8 } from '../conformance/wire.js'
import { fixedEnvironment } from './support.js'

function make(role: Role) {
  const output = new OutputBytes()
  const sender = new Sender({ role, environment: fixedEnvironment() })
  return { sender, output, written: () => toHex(join(output.take())) }
}

describe('a server', () => {
  it('§5.1 §5.7 sends frames unmasked', () => {
    const { sender, output, written } = make('server')
    sender.sendPayload(output, 'Hello')
    sender.sendPayload(output, hex('0102'))
    sender.sendMessage(output, new TextMessage('Hello'), IN_ONE_FRAME)
    sender.sendControl(output, 9, utf8('Hello'))
    expect(written()).toBe('810548656c6c6f' + '82020102' + '810548656c6c6f' + '890548656c6c6f')
  })

  it('passes long bytes on by reference, and copies short ones', () => {
    const { sender, output } = make('server')
    const [short, long] = [noise(8 * 1024), noise(8 * 1024 + 1)]
    sender.sendPayload(output, short)
    sender.sendPayload(output, long)
    const taken = output.take()
    expect([taken.includes(short), taken.includes(long)]).toEqual([false, true])
    expect(readSent(join(taken), 'server')).toEqual([
      ['82', toHex(short)],
      ['82', toHex(long)]
    ])
  })

  it('reserves at most 12 KiB more than a text needs: what waits costs memory', () => {
    for (const length of [1, 125, 4096, 4097, 16_384, 16_385, 100_000]) {
      const { sender, output } = make('server')
      const reserved: number[] = []
      const reserve = output.reserve.bind(output)
      output.reserve = (byteLength) => {
        reserved.push(byteLength)
        return reserve(byteLength)
      }
      sender.sendPayload(output, 'x'.repeat(length))
      expect(Math.max(...reserved)).toBeLessThanOrEqual(length + 12 * 1024)
      expect(readSent(join(output.take()), 'server')).toEqual([['81', '78'.repeat(length)]])
    }
  })
})

describe('a client', () => {
  it('§5.3 §5.7 masks every frame, and leaves the payload as it is', () => {
    const { sender, output, written } = make('client')
    const payload = utf8('Hello')
    sender.sendPayload(output, 'Hello')
    sender.sendPayload(output, payload)
    sender.sendControl(output, 10, payload)
    const masked = '37fa213d7f9f4d5158'
    expect(written()).toBe(`8185${masked}8285${masked}8a85${masked}`)
    expect(toHex(payload)).toBe('48656c6c6f')
  })

  it('§5.3 masks a long payload in slices where the output asks for them', () => {
    for (const sliceBytes of [1, 7, 64, 200, 201]) {
      const sliced = make('client')
      const reserved: number[] = []
      const { reserve } = sliced.output
      Object.assign(sliced.output, {
        sliceBytes,
        reserve(byteLength: number) {
          reserved.push(byteLength)
          return reserve.call(sliced.output, byteLength)
        }
      })
      const whole = make('client')
      for (const { sender, output } of [sliced, whole]) sender.sendPayload(output, noise(200))
      expect(sliced.written()).toBe(whole.written())
      expect(Math.max(...reserved)).toBeLessThanOrEqual(sliceBytes + 14)
    }
  })

  it('§10.3 draws a fresh key for every frame, fragments too', () => {
    const output = new OutputBytes()
    let next = 0x01010101
    const environment = { ...fixedEnvironment(), maskingKey: () => next++ }
    const sender = new Sender({ role: 'client', environment })
    sender.sendMessage(output, toMessage(hex('000000')), { fragmentSize: 2 })
    sender.sendControl(output, 9, hex('00'))
    expect(toHex(join(output.take()))).toBe('0282010101010101' + '80810201010102' + '89810301010103')
  })
})

for (const role of ['server', 'client'] as const) {
  describe(`a ${role}`, () => {
    it('§5.2 §5.6 sends text of all lengths of UTF-8, encoded before or not', () => {
      const units = ['', 'a', 'é', '€', '😀', '\ud800']
      for (const unit of units) {
        for (const count of [
          1, 41, 42, 62, 63, 125, 126, 127, 5461, 16_384, 16_385, 21_845, 21_846, 65_536
        ]) {
          const text = unit.repeat(count)
          const expected = [['81', toHex(utf8(text))]]
          const { sender, output } = make(role)
          sender.sendPayload(output, text)
          expect(readSent(join(output.take()), role)).toEqual(expected)
          const message = new TextMessage(text)
          sender.sendMessage(output, message, IN_ONE_FRAME)
          expect(message.bytes.length).toBe(utf8(text).length)
          sender.sendMessage(output, message, IN_ONE_FRAME)
          expect(readSent(join(output.take()), role)).toEqual([...expected, ...expected])
        }
      }
    })

    it('§5.4 cuts a message into frames of at most fragmentSize bytes', () => {
      for (const byteLength of [0, 1, 2, 3, 4, 6, 7]) {
        const { sender, output } = make(role)
        sender.sendMessage(output, toMessage(noise(byteLength)), { fragmentSize: 3 })
        const frames = readSent(join(output.take()), role)
        expect(frames.map(([, payload]) => payload).join('')).toBe(toHex(noise(byteLength)))
        const count = Math.max(1, Math.ceil(byteLength / 3))
        expect(frames.map(([first]) => first)).toEqual(
          count === 1 ? ['82'] : ['02', ...Array.from({ length: count - 2 }, () => '00'), '80']
        )
      }
    })
  })
}
