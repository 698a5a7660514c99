import { expect } from 'vitest'
import type { NegotiatedExtension } from '../../src/core/extension.js'
import { Opcode } from '../../src/core/header.js'
import type { MessageStream } from '../../src/core/message-stream.js'
import type { Role } from '../../src/core/terms.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { readSent } from '../conformance/subject.js'
import { encode, type FrameSpec, join, toHex, utf8 } from '../conformance/wire.js'
import { deferring } from '../extensions/deflate-pair.js'
import { fixedEnvironment } from './support.js'

export const { TEXT, BINARY } = Opcode

/** Reverses messages of three bytes, one byte in each slice. */
export const slowReverser: NegotiatedExtension = {
  name: 'x-slow',
  rsv: 0,
  opcodes: [],
  session: {
    encodeMessage(message) {
      const bytes = [...message.payload]
      if (bytes.length !== 3) return null
      const reversed: number[] = []
      return {
        next() {
          reversed.push(bytes.pop()!)
          return bytes.length > 0 ? null : { ...message, payload: Uint8Array.from(reversed) }
        }
      }
    }
  }
}
/** Throws at frames that begin with '!'. */
export const thrower: NegotiatedExtension = {
  name: 'x-throw',
  rsv: 0,
  opcodes: [],
  session: {
    encodeFrame({ payload }) {
      if (payload[0] === 0x21) throw new Error('no such frame')
      return null
    }
  }
}

export function make(extensions: readonly NegotiatedExtension[] = [], role: Role = 'server') {
  const { environment, runNext } = deferring(fixedEnvironment())
  const written: boolean[] = []
  class Subject extends CoreSubject {
    handleWritten(isMessage: boolean): void {
      written.push(isMessage)
    }
  }
  const subject = new Subject(environment, role, {}, extensions)
  const { protocol, events } = subject
  const turns: string[] = []
  /** Begins a message; `name` is written down when it has its turn, or is over. */
  const begin = (opcode: number = TEXT, name = 'a'): MessageStream => {
    const handleTurn = ({ isOver }: MessageStream) => void turns.push(`${name} ${isOver ? 'over' : 'begun'}`)
    return protocol.beginMessage(opcode, { handleTurn })!
  }
  const receive = (...frames: FrameSpec[]) =>
    subject.receive(join(frames.map((frame) => encode(frame, role))))
  const run = () => {
    while (runNext());
  }
  const sent = () => readSent(subject.takeBytes(), role)
  return { subject, protocol, events, begin, receive, run, runNext, sent, turns, written }
}

export const t = (content: string, first = '81') => [first, toHex(utf8(content))] as const
export const refused = expect.objectContaining({ code: 'invalid-argument' })
export const failure = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return error
  }
  return null
}
