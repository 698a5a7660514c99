// Owns a server and a client in memory that have negotiated extensions, by the text of the header.
import type { Environment } from '../../src/core/environment.js'
import type { Extension, NegotiatedExtension } from '../../src/core/extension.js'
import { formatExtensions, parseExtensions } from '../../src/core/header-values.js'
import type { Limits } from '../../src/core/limits.js'
import { acceptExtensions, confirmExtensions, offerExtensions } from '../../src/extensions/negotiation.js'
import { CoreSubject } from '../conformance/core-subject.js'
import { IMPLEMENTATIONS } from '../conformance/kernels.js'
import { encode, type FrameSpec, join } from '../conformance/wire.js'

/** What was said in a handshake, and what came of it. */
export interface Agreement {
  readonly offer: string
  readonly answer: string
  readonly server: readonly NegotiatedExtension[]
  readonly client: readonly NegotiatedExtension[]
}

/** Lets a client with these extensions meet a server with those. */
export function agree(
  environment: Environment,
  server: readonly Extension[],
  client: readonly Extension[]
): Agreement {
  const offer = formatExtensions(offerExtensions(client))!
  const accepted = acceptExtensions(parseExtensions(offer) ?? [], server, environment)
  const answer = formatExtensions(accepted.answers)!
  const confirmed = confirmExtensions(parseExtensions(answer) ?? [], client, environment)
  return { offer, answer, server: accepted.negotiated, client: confirmed }
}

/** Returns what a server answers to the header of an offer; '' if it declines all. */
export function answerTo(offer: string, server: Extension, environment: Environment): string {
  const { answers } = acceptExtensions(parseExtensions(offer)!, [server], environment)
  return formatExtensions(answers)!
}

/** Two ends in memory. `exchange` carries all that was written. */
export class Pair {
  readonly server: CoreSubject
  readonly client: CoreSubject

  constructor(environment: Environment, agreement: Agreement, limits: Partial<Limits> = {}) {
    this.server = new CoreSubject(environment, 'server', limits, agreement.server)
    this.client = new CoreSubject(environment, 'client', limits, agreement.client)
  }

  /** Returns the bytes that went each way. */
  exchange(): { fromServer: number; fromClient: number } {
    const fromServer = this.server.takeBytes()
    const fromClient = this.client.takeBytes()
    const counts = { fromServer: fromServer.length, fromClient: fromClient.length }
    this.client.receive(fromServer)
    this.server.receive(fromClient)
    return counts
  }
}

/** A server in memory that has accepted an offer, and what it takes frames by. */
export function serverOf(
  extension: Extension,
  offer: string,
  environment: Environment,
  limits: Partial<Limits> = {}
) {
  const { negotiated } = acceptExtensions(parseExtensions(offer)!, [extension], environment)
  const subject = new CoreSubject(environment, 'server', limits, negotiated)
  return {
    subject,
    receive: (...frames: FrameSpec[]) => subject.receive(join(frames.map((frame) => encode(frame, 'server'))))
  }
}

/** An environment whose deferred tasks are run by hand: `runNext` runs the next one, and returns false if there is none. */
export function deferring(environment: Environment): { environment: Environment; runNext: () => boolean } {
  const tasks: (() => void)[] = []
  const runNext = () => {
    const task = tasks.shift()
    task?.()
    return task !== undefined
  }
  return { environment: { ...environment, defer: (task) => void tasks.push(task) }, runNext }
}

/** The environments of the kernels that are there. */
export const ENVIRONMENTS = IMPLEMENTATIONS.flatMap(({ title, environment }) =>
  environment === null ? [] : [{ title, environment }]
)

/** JSON of about so many bytes, of records that resemble each other. */
export function json(byteLength: number): string {
  let text = '['
  for (let i = 0; text.length < byteLength; i++)
    text += `${JSON.stringify({ id: (i * 7919) % 10007, name: `user ${i % 31}`, active: i % 3 === 0 })},`
  return text.slice(0, byteLength)
}
