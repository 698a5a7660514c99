// The ecosystem on hotsocket in place of ws: what other packages do over `ws` is done by programs in test/ecosystem, a project whose
// package.json overrides ws, on each tier; and once more without the override, by the loader hotsocket/instead-of-ws.
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { loadNativeKernels } from '../src/kernels/native.js'
import { needBrowser } from './browser/chromium.js'
import {
  type Ended,
  expectedWs,
  installEcosystem,
  mirrorWithoutOverride,
  runProgram
} from './support/ecosystem.js'

const CHROMIUM = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
const GREETING = 'grüße'
const BYTES = [1, 2, 255]

const SOCKET_IO = {
  transports: ['websocket', 'websocket'],
  address: '127.0.0.1',
  extensions: '',
  echo: [GREETING, 42, true],
  isInOrder: true,
  room: [
    ['short', true],
    ['short', true]
  ],
  binaryRoom: [true, true],
  told: 'hello',
  preparedCount: 2,
  answers: ['well!', 'well!'],
  lost: ['transport close', 'transport close'],
  recovered: [true, true, 'missed'],
  ends: ['client namespace disconnect', 'transport close']
}

interface Program {
  readonly what: string
  /** Its name, and parameters. */
  readonly run: readonly [string, ...string[]]
  /** What it reports, whole, but for `ws`. */
  readonly reports: object
  /** What it says on stderr. Default: nothing. */
  readonly complains?: string
}

/** The programs of test/ecosystem/programs that need no browser. */
const PROGRAMS: readonly Program[] = [
  { what: 'Socket.IO, by wsEngine', run: ['socket-io', 'wsEngine'], reports: SOCKET_IO },
  {
    what: 'Socket.IO with permessage-deflate',
    run: ['socket-io', 'deflate'],
    reports: { ...SOCKET_IO, extensions: 'permessage-deflate', preparedCount: 0 }
  },
  {
    what: 'graphql-ws',
    run: ['graphql-ws'],
    reports: {
      query: [{ hello: `Hello, ${GREETING}` }],
      closedIdle: [1000, 'Normal Closure', true],
      subscription: [500, true, [{ hello: 'Hello, meanwhile' }], 'whole'],
      failed: [['not here']],
      ended: [[{ count: 1 }, { count: 2 }, { count: 3 }], 'cut short'],
      forbidden: [4403, 'Forbidden'],
      disposed: [[1001, 'Going away'], 'cut short']
    }
  },
  {
    what: 'y-websocket',
    run: ['y-websocket'],
    reports: {
      isShared: true,
      isLongShared: true,
      awareness: { name: 'Ada' },
      isMerged: [true, true],
      clientsLeft: 0
    }
  },
  {
    what: 'Hocuspocus',
    run: ['hocuspocus'],
    reports: { list: ['one', 'two'], stateless: 'all: hello', refused: 'permission-denied' },
    complains: '[onAuthenticate] wrong token\n'
  },
  {
    what: 'express-ws',
    run: ['express-ws'],
    reports: {
      welcomes: ['welcome to blue, Ada', 'welcome to red, Bob'],
      received: [`all: ${GREETING}`, BYTES, `all: ${GREETING}`, BYTES],
      plain: 'plain',
      refused: 1005,
      closed: [4001, 'bye'],
      lost: 1006
    }
  },
  {
    what: '@fastify/websocket',
    run: ['fastify-websocket'],
    reports: {
      echo: [`secret: ${GREETING}`, BYTES],
      clients: 1,
      plain: 'plain',
      refused: 'Unexpected server response: 401',
      tooLong: 1009,
      injected: 'secret: hello',
      injectedRefused: 'Unexpected server response: 401',
      closed: 1005
    }
  },
  {
    what: 'tRPC',
    run: ['trpc'],
    reports: {
      query: `Hello, ${GREETING}`,
      failed: 'not here',
      opened: ['open', 'open'],
      counted: 100,
      again: 'Hello, again'
    }
  },
  {
    what: 'MQTT.js and aedes',
    run: ['mqtt'],
    reports: {
      received: [
        ['news/0/now', 0, true],
        ['news/1/now', 1, true],
        ['news/2/now', 2, true]
      ],
      protocols: ['mqtt', 'mqtt'],
      goneCount: 2
    }
  },
  {
    what: 'jsdom',
    run: ['jsdom'],
    reports: {
      origin: true,
      echo: [GREETING, BYTES],
      cookie: 'seen=yes',
      closed: [4001, 'bye', true],
      cookieSent: 'seen=yes',
      left: 1001
    }
  },
  {
    what: 'wscat',
    run: ['wscat'],
    reports: {
      request: ['Ada', 'http://a.test', 'chat'],
      executed: [GREETING, 'second', [1005, ''], 0],
      typed: ['typed', 'Received pong (data: "x")', 'ping x', [4001, 'bye now'], 0],
      left: [1005, 0],
      refused: ['error: Unexpected server response: 401', 255],
      listened: ['from server', 0, 0]
    }
  }
]

const IN_CHROMIUM = {
  isWebSocket: true,
  title: 'page',
  evaluated: GREETING.length + 1_000_000,
  page: ['websocket', GREETING, BYTES],
  room: ['to the room', [3, 4]],
  isPictured: true,
  ends: ['transport close', 'transport close']
}

const addon = loadNativeKernels()
let whyNot: string | null = null
beforeAll(async () => {
  await installEcosystem().catch((error: Error) => {
    if (process.env.CI) throw error
    whyNot = error.message
  })
}, 300_000)

function needTier(context: TestContext, tier: string): void {
  if (whyNot !== null) context.skip(whyNot)
  if (tier !== 'js' && addon.status !== 'loaded') context.skip(addon.reason)
  if (tier === 'engine' && addon.status === 'loaded' && addon.engine === null)
    context.skip('the engine is for Linux')
}

/** What a program's end has to be: it said all this and found its end by itself, and complained of nothing else. */
function wellEnded(reports: object, stderr = ''): Ended {
  return { status: 0, signal: null, stderr, report: { ws: expectedWs, ...reports } }
}

describe.each(['engine', 'native', 'js'])('with ws overridden, tier %s', { timeout: 60_000 }, (tier) => {
  it.for(PROGRAMS)('$what', async ({ run, reports, complains }, context) => {
    needTier(context, tier)
    expect(await runProgram(run, { env: { HOTSOCKET_TIER: tier } })).toEqual(wellEnded(reports, complains))
  })

  it('Puppeteer, and Socket.IO in Chromium', async (context) => {
    needBrowser(context)
    needTier(context, tier)
    const ended = await runProgram(['puppeteer', CHROMIUM], { env: { HOTSOCKET_TIER: tier } })
    expect(ended).toEqual(wellEnded(IN_CHROMIUM))
  })
})

describe.skipIf(expectedWs === 'ws')('with the loader hotsocket/instead-of-ws', { timeout: 60_000 }, () => {
  let mirror: ReturnType<typeof mirrorWithoutOverride> | null = null
  beforeAll(() => {
    if (whyNot === null) mirror = mirrorWithoutOverride()
  })
  afterAll(() => mirror?.end())

  // Node.js itself takes a package of its provider wrongly under --preserve-symlinks.
  const programs = PROGRAMS.filter(({ what }) => what !== 'Hocuspocus')
  it.for(programs)('$what', async ({ run, reports, complains }, context) => {
    if (mirror === null) return context.skip(whyNot!)
    const loader = ['--import', 'hotsocket/instead-of-ws']
    const nodeParameters = ['--preserve-symlinks', '--preserve-symlinks-main', ...loader]
    const env = { NODE_OPTIONS: nodeParameters.join(' ') }
    expect(await runProgram(run, { folder: mirror.folder, env })).toEqual(wellEnded(reports, complains))
  })
})
