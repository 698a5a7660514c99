// Owns `node --import hotsocket/instead-of-ws app.js`: from then on `import 'ws'` and `require('ws')` get the facade in this thread.
// Must not load the facade itself: who never asks for `ws` does not pay for it.
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { resolve } from './redirect.js'

/** What Node.js has since 22.15 and 23.5: hooks on the thread itself, for `require`, too. */
const { registerHooks } = module as unknown as {
  registerHooks?: (hooks: { resolve: typeof resolve }) => unknown
}

if (registerHooks !== undefined) registerHooks({ resolve })
else redirectBoth()

/** Redirects in Node.js 20: `import` by hooks on their thread, `require` where CommonJS looks for a file. */
function redirectBoth(): void {
  module.register('./redirect.js', import.meta.url)
  const loader = module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string }
  const next = loader._resolveFilename
  const facade = fileURLToPath(new URL('./index.js', import.meta.url))
  loader._resolveFilename = function (request, ...rest) {
    return request === 'ws' ? facade : next.call(this, request, ...rest)
  }
}
