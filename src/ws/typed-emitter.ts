// Owns the types of listeners, as programs for `@types/ws` rely on them. Must not know the events.
import { EventEmitter } from 'node:events'

/** Whatever listener the types of Node.js take. */
type AnyListener = Parameters<NodeJS.EventEmitter['on']>[1]

/**
 * An EventEmitter whose events are named in `Arguments`: listeners know their parameters, and `this`. Other names and other
 * parameters are taken all the same, as they are by `@types/ws`.
 */
export interface TypedEmitter<Arguments> extends EventEmitter {
  on<Name extends keyof Arguments>(event: Name, listener: Listening<this, Arguments[Name]>): this
  on(event: string | symbol, listener: AnyListener): this
  once<Name extends keyof Arguments>(event: Name, listener: Listening<this, Arguments[Name]>): this
  once(event: string | symbol, listener: AnyListener): this
  off<Name extends keyof Arguments>(event: Name, listener: Listening<this, Arguments[Name]>): this
  off(event: string | symbol, listener: AnyListener): this
  addListener<Name extends keyof Arguments>(event: Name, listener: Listening<this, Arguments[Name]>): this
  addListener(event: string | symbol, listener: AnyListener): this
  removeListener<Name extends keyof Arguments>(event: Name, listener: Listening<this, Arguments[Name]>): this
  removeListener(event: string | symbol, listener: AnyListener): this
}

/** A listener that is called with these parameters. */
type Listening<Self, Parameters> = Parameters extends unknown[]
  ? (this: Self, ...parameters: Parameters) => void
  : never

/** The class of all of them: EventEmitter itself. */
export const TypedEmitter = EventEmitter as unknown as new <Arguments>() => TypedEmitter<Arguments>
