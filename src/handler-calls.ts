// Owns what becomes of an application's handler that fails: it throws, or the promise that it returned rejects. Must not
// know which handlers there are.
import type { Logger } from './log.js'

/** Who answers for a handler. */
export interface HandlerCaller {
  /** A handler failed; `cause` is what it threw, or rejected with. */
  failHandler(cause: unknown): void
}

/** Calls a handler, and waits for nothing. */
export function callHandler(caller: HandlerCaller, handler: () => unknown): void {
  try {
    watchHandler(caller, handler())
  } catch (error) {
    caller.failHandler(error)
  }
}

/** Sees to what a handler returned. */
export function watchHandler(caller: HandlerCaller, result: unknown): void {
  if (result instanceof Promise) result.catch((error: unknown) => caller.failHandler(error))
}

/** Calls a handler for errors: one that fails itself has nobody left to tell but the log. */
export function callErrorHandler(logger: Logger, handler: () => unknown): void {
  callHandler({ failHandler: (failure) => logger.error(`onerror failed: ${String(failure)}`) }, handler)
}
