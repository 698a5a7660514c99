// Owns what becomes of an exception of the program that uses `ws`: it is for the process, and not for the connection.

/** Calls a listener or a callback; what it throws is thrown again where nobody but the process can catch it. */
export function callOutside<Parameters extends unknown[]>(
  callback: (...parameters: Parameters) => unknown,
  ...parameters: Parameters
): void {
  try {
    callback(...parameters)
  } catch (error) {
    throwLater(error)
  }
}

/** Throws as soon as the code that is at work is done. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}
