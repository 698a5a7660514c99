import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { StreamTransport } from '../../src/transport/stream.js'
import type { TransportHandler } from '../../src/transport/transport.js'

/** A stream whose writes end when the test says so. */
class Wire extends Duplex {
  /** What was written, one entry for each write that reached the stream's sink. */
  readonly written: string[] = []
  /** Ends of writes under way. */
  readonly done: ((error?: Error) => void)[] = []
  isInstant = false

  constructor() {
    super({ autoDestroy: false })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    this.written.push(chunk.toString('latin1'))
    if (this.isInstant) callback()
    else this.done.push(callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', callback)
  }

  override _final(callback: () => void): void {
    this.written.push('FIN')
    callback()
  }
}

function setUp(handlers: Partial<TransportHandler> = {}) {
  const wire = new Wire()
  const events: string[] = []
  const transport: StreamTransport = new StreamTransport(wire, {
    handleBytes: (bytes) => events.push(`bytes ${Buffer.from(bytes).toString('latin1')}`),
    handleEnd: () => events.push('end'),
    handleProgress: () => events.push(`progress, ${transport.queue.pendingBytes} left`),
    handleWaiting: () => {},
    handleClose: (cause) =>
      events.push(`close ${cause === null ? 'null' : `${cause.code}: ${cause.message}`}`),
    ...handlers
  })
  const send = (text: string) => {
    const bytes = Buffer.from(text)
    const offset = transport.queue.reserve(bytes.length)
    transport.queue.buffer.set(bytes, offset)
    transport.queue.advance(bytes.length)
    transport.queue.endMessage()
    transport.schedule()
  }
  return { wire, events, transport, send }
}

describe('StreamTransport writing', () => {
  it('writes once for all that was sent in one turn', async () => {
    const { wire, events, send } = setUp()
    send('a')
    send('b')
    send('c')
    expect(wire.written).toEqual([])
    await delay()
    expect([wire.written, events]).toEqual([['abc'], []])
  })

  it('reports progress when the write has ended, then writes what came meanwhile', async () => {
    const { wire, events, send } = setUp()
    send('a')
    await delay()
    send('b')
    send('c')
    await delay()
    expect(wire.written).toEqual(['a'])
    wire.done.shift()!()
    await delay()
    expect([wire.written, events]).toEqual([['a', 'bc'], ['progress, 2 left']])
    wire.done.shift()!()
    await delay()
    expect(events).toEqual(['progress, 2 left', 'progress, 0 left'])
  })

  it('reports a write that ends at once in the same turn, and only once', async () => {
    const { wire, events, send } = setUp()
    wire.isInstant = true
    send('a')
    await Promise.resolve()
    await Promise.resolve()
    expect(events).toEqual(['progress, 0 left'])
    await delay()
    send('b')
    await delay()
    expect(events).toEqual(['progress, 0 left', 'progress, 0 left'])
    expect(wire.written).toEqual(['a', 'b'])
  })

  it('keeps count if several writes that end at once come before one that does not', async () => {
    const { wire, events, send } = setUp()
    wire.isInstant = true
    // The callbacks of all three writes are called only when the microtasks are over.
    send('a')
    queueMicrotask(() => {
      send('b')
      queueMicrotask(() => {
        wire.isInstant = false
        send('cc')
        send('dd')
      })
    })
    await delay()
    expect([wire.written, events]).toEqual([
      ['a', 'b', 'ccdd'],
      ['progress, 0 left', 'progress, 0 left']
    ])
    wire.done.shift()!()
    await delay()
    expect(events.slice(2)).toEqual(['progress, 0 left'])
  })

  it('sends pieces by reference in order with copied ones', async () => {
    const { wire, transport, send } = setUp()
    wire.isInstant = true
    send('a')
    transport.queue.append(Buffer.from('LARGE'))
    send('b')
    await delay()
    expect(wire.written.join('')).toBe('aLARGEb')
  })

  it('writes what is long in parts, and tells progress after each', async () => {
    const { wire, events, send } = setUp()
    const text = Array.from({ length: 70_000 }, (_, i) => `${i}`.padEnd(10)).join('')
    send(text)
    send('b')
    await delay()
    send('c')
    for (let done = wire.done.shift(); done !== undefined; done = wire.done.shift()) {
      done()
      await delay()
    }
    expect(wire.written.map(({ length }) => length)).toEqual([262_144, 262_144, 175_713, 1])
    expect(wire.written.join('') === `${text}bc`).toBe(true)
    expect(events).toEqual([
      'progress, 437858 left',
      'progress, 175714 left',
      'progress, 1 left',
      'progress, 0 left'
    ])
  })

  it('writes no part behind one that was lost', async () => {
    const { wire, events, transport, send } = setUp({ handleProgress: () => transport.destroy() })
    send('x'.repeat(600_000))
    await delay()
    wire.done.shift()!()
    await delay()
    expect([wire.written.length, events]).toEqual([1, ['close null']])
  })

  it('does not end before what a handler sends when it is told of progress', async () => {
    const { wire, transport, send } = setUp({
      handleProgress() {
        if (wire.written.length > 1) return
        send('last words')
        transport.end()
      }
    })
    wire.isInstant = true
    send('a')
    await delay()
    expect(wire.written).toEqual(['a', 'last words', 'FIN'])
  })

  it('ends the sending side after all that is queued, and only once', async () => {
    const { wire, transport, send } = setUp()
    send('a')
    await delay()
    send('b')
    transport.end()
    transport.end()
    await delay()
    expect(wire.written).toEqual(['a'])
    wire.done.shift()!()
    await delay()
    wire.done.shift()!()
    await delay()
    expect(wire.written).toEqual(['a', 'b', 'FIN'])
  })

  it('ends at once if nothing is queued', async () => {
    const { wire, transport } = setUp()
    transport.end()
    await delay()
    expect(wire.written).toEqual(['FIN'])
  })

  it('writes nothing after it was destroyed, and reports no progress', async () => {
    const { wire, events, transport, send } = setUp()
    send('a')
    await delay()
    send('b')
    transport.destroy()
    wire.done.shift()!()
    await delay()
    send('c')
    await delay()
    expect(wire.written).toEqual(['a'])
    expect(events).toEqual(['close null'])
  })

  it('leaves others unharmed by one that is destroyed while all are flushed', async () => {
    const first = setUp({ handleProgress: () => second.transport.destroy() })
    const second = setUp()
    const third = setUp()
    for (const { wire, send } of [first, second, third]) {
      wire.isInstant = true
      send('x')
    }
    await delay()
    expect([first.wire.written, second.wire.written, third.wire.written]).toEqual([['x'], [], ['x']])
  })
})

describe('StreamTransport among others', () => {
  it('lets timers have their turn while the kernel takes at once all that each progress sends', async () => {
    let isOver = false
    const { wire, send } = setUp({ handleProgress: () => isOver || send('x') })
    wire.isInstant = true
    send('x')
    await delay(1)
    isOver = true
    expect(wire.written.length).toBeGreaterThan(16)
  })

  it('flushes the others if one throws', async () => {
    const failures: unknown[] = []
    const onfailure = (error: unknown) => failures.push((error as Error).message)
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').on('uncaughtException', onfailure)
    const all = [0, 1, 2].map((number) =>
      setUp({
        handleProgress() {
          if (number === 0) throw new Error('oops')
        }
      })
    )
    for (const { wire, send } of all) {
      wire.isInstant = true
      send('x')
    }
    await delay(1)
    for (const { send } of all.slice(1)) send('y')
    await delay(1)
    process.off('uncaughtException', onfailure)
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect([failures, all.map(({ wire }) => wire.written)]).toEqual([
      ['oops'],
      [['x'], ['x', 'y'], ['x', 'y']]
    ])
  })
})

describe('StreamTransport reading', () => {
  it('begins with resume, and holds what comes while it is paused', async () => {
    const { wire, events, transport } = setUp()
    wire.push('a')
    await delay()
    expect(events).toEqual([])
    transport.resume()
    await delay()
    transport.pause()
    wire.push('b')
    await delay()
    expect(events).toEqual(['bytes a'])
    transport.resume()
    await delay()
    expect(events).toEqual(['bytes a', 'bytes b'])
  })

  it('tells the end, and an end that came before it was made', async () => {
    const { wire, events, transport } = setUp()
    transport.resume()
    wire.push(null)
    await delay()
    expect(events).toEqual(['end'])
    const late: string[] = []
    const handler = { handleBytes() {}, handleProgress() {}, handleWaiting() {}, handleClose() {} }
    new StreamTransport(wire, { ...handler, handleEnd: () => late.push('end') })
    await delay()
    expect(late).toEqual(['end'])
  })

  it('tells the first failure of the stream when it is closed, last of all', async () => {
    const { wire, events, send } = setUp()
    send('a')
    await delay()
    wire.destroy(new Error('cable cut'))
    await delay()
    expect(events).toEqual(['close transport-error: the transport failed: cable cut'])
  })
})
