// Owns the answer to who asks for the package `ws`: the facade. A resolve hook for modules of all kinds, which Node.js may run on a
// thread of its own: it knows nothing but its own place. Must not know how it is registered.

/** The module that stands in for the package `ws`. */
const facade = new URL('./index.js', import.meta.url).href

/** What Node.js takes as the answer of a resolve hook. */
interface Resolved {
  url: string
  shortCircuit: true
}

/** Resolves `ws` to the facade and leaves everything else, paths like `ws/package.json`, too, to the next hook. */
export function resolve<Context, Next>(
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => Next
): Resolved | Next {
  return specifier === 'ws' ? { url: facade, shortCircuit: true } : next(specifier, context)
}
