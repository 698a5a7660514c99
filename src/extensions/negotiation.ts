// Owns the choice of extensions in an opening handshake (RFC 6455 §9.1): which offer is taken and what excludes what.
// Must not know any extension by name, nor how headers are written.
import type { Environment } from '../core/environment.js'
import { WebSocketError } from '../core/errors.js'
import type { Extension, ExtensionOffer, NegotiatedExtension } from '../core/extension.js'

/** What a server agrees to. */
export interface AcceptedExtensions {
  /** For the Sec-WebSocket-Extensions header, in order; empty: no header. */
  readonly answers: readonly ExtensionOffer[]
  /** In the order of `answers`. Whoever does not use them closes them with `closeExtensions`. */
  readonly negotiated: readonly NegotiatedExtension[]
}

const NOTHING: AcceptedExtensions = { answers: [], negotiated: [] }

/**
 * Server: takes the client's offers in order. Of several extensions of one name the first that accepts wins. An offer
 * is declined if nothing accepts it, or if what would conflicts with one taken before: the same extension or name,
 * or a reserved bit or opcode in common. If an extension throws, the sessions made so far are closed.
 */
export function acceptExtensions(
  offers: readonly ExtensionOffer[],
  extensions: readonly Extension[],
  environment: Environment
): AcceptedExtensions {
  if (offers.length === 0 || extensions.length === 0) return NOTHING
  const answers: ExtensionOffer[] = []
  const negotiated = negotiate((taken) => {
    for (const offer of offers) {
      for (const extension of extensions) {
        if (!extension.names.includes(offer.name) || conflicts(extension, offer.name, taken)) continue
        const accepted = extension.accept(offer, environment)
        if (accepted === null) continue
        answers.push({ name: offer.name, parameters: accepted.parameters })
        taken.push({ extension, name: offer.name, session: accepted.session })
        break
      }
    }
  })
  return { answers, negotiated }
}

/** Client: lists what to offer, in the order of the extensions and of each one's preferences. */
export function offerExtensions(extensions: readonly Extension[]): ExtensionOffer[] {
  return extensions.flatMap((extension) => extension.offers())
}

/**
 * Client: takes the server's answers in order. Throws 'unrequested-extension' for a name that no extension has,
 * 'invalid-extension' for an answer that conflicts with an earlier one or that its extension does not confirm; the
 * sessions made so far are closed. Source: RFC 6455 §4.1, §9.1.
 */
export function confirmExtensions(
  answers: readonly ExtensionOffer[],
  extensions: readonly Extension[],
  environment: Environment
): readonly NegotiatedExtension[] {
  return negotiate((taken) => {
    for (const answer of answers) taken.push(confirm(answer, extensions, environment, taken))
  })
}

/** Closes the sessions of a handshake that came to nothing. */
export function closeExtensions(negotiated: readonly NegotiatedExtension[]): void {
  for (const { session } of negotiated) session.close?.()
}

interface Taken {
  readonly extension: Extension
  readonly name: string
  readonly session: NegotiatedExtension['session']
}

/** Runs a choice that fills the list; closes what it has filled in if it throws. */
function negotiate(choose: (taken: Taken[]) => void): NegotiatedExtension[] {
  const taken: Taken[] = []
  try {
    choose(taken)
  } catch (error) {
    for (const { session } of taken) session.close?.()
    throw error
  }
  return taken.map(({ extension, name, session }) => ({
    name,
    rsv: extension.rsv,
    opcodes: extension.opcodes,
    session
  }))
}

function confirm(
  answer: ExtensionOffer,
  extensions: readonly Extension[],
  environment: Environment,
  taken: readonly Taken[]
): Taken {
  const { name } = answer
  const named = extensions.filter((extension) => extension.names.includes(name))
  if (named.length === 0) throw new WebSocketError('unrequested-extension', { detail: name.slice(0, 100) })
  const free = named.filter((extension) => !conflicts(extension, name, taken))
  if (free.length === 0) {
    throw new WebSocketError('invalid-extension', { detail: `${name} conflicts with an earlier one` })
  }
  for (const extension of free) {
    const session = extension.confirm(answer, environment)
    if (session !== null) return { extension, name, session }
  }
  throw new WebSocketError('invalid-extension', { detail: `the parameters of ${name}` })
}

function conflicts(extension: Extension, name: string, taken: readonly Taken[]): boolean {
  return taken.some(
    (other) =>
      other.extension === extension ||
      other.name === name ||
      (other.extension.rsv & extension.rsv) !== 0 ||
      other.extension.opcodes.some((opcode) => extension.opcodes.includes(opcode))
  )
}
