// Owns the two roles of servers that publish to each other, as processes or as threads, and what they tell the harness. Must not know
// libraries and brokers.
// Usage of modules that use it: MODULE BROKER. Environment: BENCH_ROLE ('publisher' or 'subscribers') and BENCH_BROKER_PORT, at 127.0.0.1.
// If BROKER is 'memory', the process has a thread for each role instead.
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { answerHarness } from './answer-harness.mjs'

/** Of the broker; NaN between threads. */
export const brokerPort = Number(process.env.BENCH_BROKER_PORT)

/**
 * Runs the process or thread. `module`: URL of the module that calls it. `serve(role, link)` resolves with the `port` of a server that
 * listens and with `ready()`, which resolves when publications reach its subscribers. `join()` gives what `serve` gets as `link` in
 * the publisher's thread, and in the subscribers'; each a MessagePort.
 */
export async function runRelay(module, serve, join) {
  if (!isMainThread) return runThread(serve)
  if (process.argv[2] === 'memory') return runThreads(module, join())
  const { port, ready } = await serve(process.env.BENCH_ROLE, null)
  answerHarness(() => ({}), { ready: () => answer(ready()) })
  console.log(port)
}

async function runThread(serve) {
  const { port, ready } = await serve(workerData.role, workerData.link)
  parentPort.on('message', async () => parentPort.postMessage(await answer(ready())))
  parentPort.postMessage(port)
}

async function runThreads(module, [publisherLink, subscribersLink]) {
  const publisher = await startThread(module, 'publisher', publisherLink)
  const subscribers = await startThread(module, 'subscribers', subscribersLink)
  const ready = () => {
    subscribers.thread.postMessage('ready')
    return nextMessage(subscribers.thread)
  }
  answerHarness(() => ({ publishPort: publisher.port }), { ready })
  console.log(subscribers.port)
}

async function startThread(module, role, link) {
  const options = { argv: process.argv.slice(2), workerData: { role, link }, transferList: [link] }
  const thread = new Worker(module, options)
  return { thread, port: await nextMessage(thread) }
}

async function nextMessage(thread) {
  const [message] = await once(thread, 'message')
  return message
}

/** Something that can be sent. */
async function answer(done) {
  await done
  return {}
}
