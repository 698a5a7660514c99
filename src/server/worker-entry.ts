// Owns what runs in a thread of `serveWorkers`: it loads the module, has its server listen, and closes it when told to. Must
// not know the other threads.
import { workerData } from 'node:worker_threads'
import { WebSocketError } from '../core/errors.js'
import type { AsyncServer } from './async-server.js'
import type { CloseOrder, DrainOrder, DrainReport, ListeningReport, WorkerTask } from './worker-task.js'

const { module, index, count, port, control, hub } = workerData as WorkerTask

serve().catch((error: unknown) => {
  // Out of the promise, so that the thread ends with it whatever the process does about rejections.
  process.nextTick(() => {
    throw error
  })
})

async function serve(): Promise<void> {
  const server = await loadServer()
  await server.listen({ reusePort: true, ...(port === null ? {} : { port }) })
  control.postMessage({ port: server.port } satisfies ListeningReport)
  await obey(server)
  control.close()
}

/** Does what it is told to until the server is closed. */
function obey(server: AsyncServer<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    let drained: Promise<void> | null = null
    control.on('message', (order: CloseOrder | DrainOrder) => {
      if ('drain' in order) drained = drain(server, order)
      const done = 'drain' in order ? drained : server.close(order.code, order.reason).then(() => drained)
      done!.then(() => resolve(), reject)
    })
    // It must not keep the thread alive when the server is closed and nothing else is left.
    control.unref()
  })
}

async function drain(server: AsyncServer<unknown>, order: DrainOrder): Promise<void> {
  control.postMessage({ drained: await server.drain(order.drain) } satisfies DrainReport)
}

async function loadServer(): Promise<AsyncServer<unknown>> {
  const exported = (await import(module)) as { server?: unknown; default?: unknown }
  const given = exported.server ?? exported.default
  const server: unknown = typeof given === 'function' ? await given({ index, count, hub }) : given
  if (isServer(server)) return server
  throw new WebSocketError('invalid-argument', {
    detail: `${module} must export an AsyncServer, or a function that makes one, as "server" or as default`
  })
}

/** By its shape: the module may have another copy of this package. */
function isServer(value: unknown): value is AsyncServer<unknown> {
  const { listen, close } = (value ?? {}) as Partial<AsyncServer<unknown>>
  return typeof listen === 'function' && typeof close === 'function'
}
