// The example of docs/EXTENSIONS.md, alone and beside others.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DeflateMessage, type Extension, HeaderBit } from '../../src/index.js'
import { readSent } from '../conformance/subject.js'
import { toHex } from '../conformance/wire.js'
import { fixedEnvironment } from '../core/support.js'
import { agree, json, Pair } from './deflate-pair.js'

const environment = fixedEnvironment()

/** Runs the example as it stands on the page. */
function readExample(): Extension {
  const page = readFileSync(join(import.meta.dirname, '../../docs/EXTENSIONS.md'), 'utf8')
  const [, code] = /```js\n([\s\S]*?)```/.exec(page)!
  const body = code!.replace(/^import .*$/m, '').replace('export const', 'const')
  return new Function('HeaderBit', `${body}; return reverse`)(HeaderBit) as Extension
}

/** Another extension that wants RSV2. */
function rival(): Extension {
  return { ...readExample(), names: ['x-rival'], offers: () => [{ name: 'x-rival', parameters: [] }] }
}

describe('an extension of an application', () => {
  it('§9 uses RSV2, both ways', () => {
    const pair = new Pair(environment, agree(environment, [readExample()], [readExample()]))
    pair.server.protocol.send('abc')
    expect(readSent(pair.server.takeBytes(), 'server')).toEqual([['a1', toHex(Buffer.from('cba'))]])
    pair.client.protocol.send(Uint8Array.of(1, 2, 3), { fragmentSize: 2 })
    pair.server.protocol.send('x')
    pair.exchange()
    expect([pair.server.events, pair.client.events]).toEqual([[['binary', '010203']], [['text', 'x']]])
  })

  it('§9.1 excludes what conflicts with it: the first one offered wins', () => {
    const all = () => [readExample(), rival(), new DeflateMessage()]
    const { answer } = agree(environment, all(), [rival(), readExample(), new DeflateMessage()])
    expect(answer).toMatch(/^x-rival, permessage-deflate;/)
    expect(() => agree(environment, [readExample()], [rival()]).server).not.toThrow()
    expect(agree(environment, [readExample()], [rival()]).answer).toBe('')
  })

  it('§9.1 is chained with permessage-deflate in either order, fragmented or not', () => {
    const orders = [() => [readExample(), new DeflateMessage()], () => [new DeflateMessage(), readExample()]]
    for (const make of orders) {
      const agreement = agree(environment, make(), make())
      expect(agreement.server.map(({ name }) => name)).toEqual(make().map(({ names }) => names[0]))
      const pair = new Pair(environment, agreement, { maxFragments: 100_000 })
      for (const fragmentSize of [null, 100]) {
        for (const text of ['', 'a', 'abc', json(5000), json(100_000)]) {
          pair.server.protocol.send(text, { fragmentSize })
          pair.client.protocol.send(Buffer.from(text), { fragmentSize })
          pair.exchange()
          expect(pair.client.events.splice(0)).toEqual([['text', text]])
          expect(pair.server.events.splice(0)).toEqual([['binary', toHex(Buffer.from(text))]])
        }
      }
    }
  })
})
