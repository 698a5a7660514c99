import { describe, expect, it } from 'vitest'
import type { Extension, ExtensionOffer, ExtensionSession } from '../../src/core/extension.js'
import {
  closeExtensions,
  offerExtensions,
  acceptExtensions as realAcceptExtensions,
  confirmExtensions as realConfirmExtensions
} from '../../src/extensions/negotiation.js'
import { errorOf } from '../core/head-chunks.js'
import { fixedEnvironment } from '../core/support.js'

const environment = fixedEnvironment()
const acceptExtensions = (offers: ExtensionOffer[], extensions: Extension[]) =>
  realAcceptExtensions(offers, extensions, environment)
const confirmExtensions = (answers: ExtensionOffer[], extensions: Extension[]) =>
  realConfirmExtensions(answers, extensions, environment)

interface FakeOptions {
  names?: string[]
  rsv?: number
  opcodes?: number[]
  /** Which offers or answers it takes; default: all. */
  takes?: (offer: ExtensionOffer) => boolean
}

/** An extension that answers with what it is offered and records its sessions' ends. */
class FakeExtension implements Extension {
  readonly names: readonly string[]
  readonly rsv: number
  readonly opcodes: readonly number[]
  readonly sessions: ExtensionSession[] = []
  readonly closed: ExtensionSession[] = []
  readonly #takes: (offer: ExtensionOffer) => boolean

  constructor({ names = ['fake'], rsv = 0, opcodes = [], takes = () => true }: FakeOptions = {}) {
    this.names = names
    this.rsv = rsv
    this.opcodes = opcodes
    this.#takes = takes
  }

  offers(): readonly ExtensionOffer[] {
    return this.names.map((name) => offer(name))
  }

  accept(asked: ExtensionOffer) {
    return this.#takes(asked) ? { parameters: asked.parameters, session: this.#open() } : null
  }

  confirm(answer: ExtensionOffer) {
    return this.#takes(answer) ? this.#open() : null
  }

  #open(): ExtensionSession {
    const session: ExtensionSession = { close: () => this.closed.push(session) }
    this.sessions.push(session)
    return session
  }
}

function offer(name: string, ...parameters: string[]): ExtensionOffer {
  return { name, parameters: parameters.map((parameter) => ({ name: parameter, value: null })) }
}

describe('§9.1 the server', () => {
  it('agrees to nothing without offers or without extensions', () => {
    expect(acceptExtensions([], [new FakeExtension()])).toEqual({ answers: [], negotiated: [] })
    expect(acceptExtensions([offer('fake')], [])).toEqual({ answers: [], negotiated: [] })
  })

  it('answers in the order of the offers and says what each extension uses', () => {
    const a = new FakeExtension({ names: ['a'], rsv: 0x40 })
    const b = new FakeExtension({ names: ['b'], rsv: 0x20, opcodes: [3] })
    expect(acceptExtensions([offer('x'), offer('b', 'p'), offer('a')], [a, b])).toEqual({
      answers: [offer('b', 'p'), offer('a')],
      negotiated: [
        { name: 'b', rsv: 0x20, opcodes: [3], session: b.sessions[0] },
        { name: 'a', rsv: 0x40, opcodes: [], session: a.sessions[0] }
      ]
    })
  })

  it("tries the client's fallbacks until one is accepted, and takes no second one", () => {
    const extension = new FakeExtension({ takes: ({ parameters }) => parameters.length === 0 })
    const { answers } = acceptExtensions([offer('fake', 'p'), offer('fake'), offer('fake')], [extension])
    expect(answers).toEqual([offer('fake')])
    expect(extension.sessions).toHaveLength(1)
  })

  it('tries several extensions of one name in their order', () => {
    const strict = new FakeExtension({ takes: () => false })
    const first = new FakeExtension()
    const second = new FakeExtension()
    acceptExtensions([offer('fake')], [strict, first, second])
    expect([strict, first, second].map(({ sessions }) => sessions.length)).toEqual([0, 1, 0])
  })

  it('declines a name taken before, even by another extension', () => {
    const extensions = [new FakeExtension(), new FakeExtension()]
    expect(acceptExtensions([offer('fake'), offer('fake')], extensions).answers).toEqual([offer('fake')])
  })

  it('declines another name of an extension taken before', () => {
    const extension = new FakeExtension({ names: ['fake', 'x-fake'] })
    expect(acceptExtensions([offer('x-fake'), offer('fake')], [extension]).answers).toEqual([offer('x-fake')])
  })

  it('declines what shares a reserved bit or an opcode with one taken before', () => {
    const a = new FakeExtension({ names: ['a'], rsv: 0x60, opcodes: [3, 4] })
    const sharesBit = new FakeExtension({ names: ['b'], rsv: 0x20 })
    const sharesOpcode = new FakeExtension({ names: ['c'], opcodes: [4, 5] })
    const free = new FakeExtension({ names: ['d'], rsv: 0x10, opcodes: [5] })
    const offers = ['a', 'b', 'c', 'd'].map((name) => offer(name))
    const { answers } = acceptExtensions(offers, [a, sharesBit, sharesOpcode, free])
    expect(answers).toEqual([offer('a'), offer('d')])
    expect([...sharesBit.sessions, ...sharesOpcode.sessions]).toEqual([])
  })

  it('is not confused by __proto__ and constructor', () => {
    const offers = [offer('__proto__'), offer('constructor'), offer('fake', '__proto__')]
    expect(acceptExtensions(offers, [new FakeExtension()]).answers).toEqual([offer('fake', '__proto__')])
  })

  it('closes its sessions when an extension throws', () => {
    const a = new FakeExtension({ names: ['a'] })
    const b = new FakeExtension({
      names: ['b'],
      takes: () => {
        throw new Error('b is broken')
      }
    })
    expect(() => acceptExtensions([offer('a'), offer('b')], [a, b])).toThrow('b is broken')
    expect(a.closed).toEqual(a.sessions)
    expect(a.closed).toHaveLength(1)
  })
})

describe('§9.1 the client', () => {
  it('offers in the order of its extensions and their preferences', () => {
    const extensions = [new FakeExtension({ names: ['b', 'x-b'] }), new FakeExtension({ names: ['a'] })]
    expect(offerExtensions(extensions)).toEqual([offer('b'), offer('x-b'), offer('a')])
    expect(offerExtensions([])).toEqual([])
  })

  it("takes the server's answers in their order", () => {
    const a = new FakeExtension({ names: ['a'], rsv: 0x40 })
    const b = new FakeExtension({ names: ['b'], opcodes: [3] })
    expect(confirmExtensions([offer('b'), offer('a')], [a, b])).toEqual([
      { name: 'b', rsv: 0, opcodes: [3], session: b.sessions[0] },
      { name: 'a', rsv: 0x40, opcodes: [], session: a.sessions[0] }
    ])
    expect(confirmExtensions([], [a, b])).toEqual([])
  })

  it('asks every extension of a name', () => {
    const strict = new FakeExtension({ takes: () => false })
    const lenient = new FakeExtension()
    expect(confirmExtensions([offer('fake')], [strict, lenient])).toHaveLength(1)
    expect(lenient.sessions).toHaveLength(1)
  })

  it.each<[rule: string, last: string, code: string, detail: string]>([
    ['§4.1 refuses a name that it did not offer', 'x', 'unrequested-extension', 'x'],
    ['§9.1 refuses a name twice', 'a', 'invalid-extension', 'a conflicts with an earlier one'],
    ['§9.1 refuses a shared reserved bit', 'bit', 'invalid-extension', 'bit conflicts with an earlier one'],
    ['§9.1 refuses a shared opcode', 'opcode', 'invalid-extension', 'opcode conflicts with an earlier one'],
    ['§9.1 refuses parameters that do not fit', 'strict', 'invalid-extension', 'the parameters of strict'],
    ['refuses __proto__', '__proto__', 'unrequested-extension', '__proto__']
  ])('%s, and closes its sessions', (_, last, code, detail) => {
    const a = new FakeExtension({ names: ['a'], rsv: 0x40, opcodes: [3] })
    const extensions = [
      a,
      new FakeExtension({ names: ['bit'], rsv: 0x40 }),
      new FakeExtension({ names: ['opcode'], opcodes: [3] }),
      new FakeExtension({ names: ['strict'], takes: () => false })
    ]
    const error = errorOf(() => confirmExtensions([offer('a'), offer(last)], extensions))
    expect(error.code).toBe(code)
    expect(error.message).toContain(`: ${detail} (RFC 6455`)
    expect(a.closed).toHaveLength(1)
  })
})

it('closes sessions that came to nothing, also those without a close hook', () => {
  const a = new FakeExtension({ names: ['a'] })
  const { negotiated } = acceptExtensions([offer('a')], [a])
  closeExtensions([...negotiated, { name: 'b', rsv: 0, opcodes: [], session: {} }])
  expect(a.closed).toEqual(a.sessions)
})
