import { defineConfig } from 'vitest/config'

/** Tests of whatever stands on the kernels: they run once for each tier. */
const tiered = [
  'test/connection*.test.ts',
  'test/{server,websocket,transport,interop,property,ws}/**/*.test.ts',
  'test/endpoint.test.ts',
  'test/accelerators/*.test.ts',
  'test/topics/{publishing,subscriptions,slow-clients,buffer-limit,crowd}.test.ts',
  'test/adapters/{duplex,web-streams,websockify}.test.ts',
  'test/client/{connect,agent,secure,socket}.test.ts'
]

// Tests over real sockets and timers may fail on a machine that is busy with something else; one that passes only the
// second time is reported as such.
const shared = { testTimeout: 20_000, hookTimeout: 20_000, retry: process.env.CI ? 1 : 0 }

/** The tiered tests on a tier that needs the addon. */
function onTier(tier: 'engine' | 'native') {
  const setupFiles = ['test/support/tier-or-skip.ts']
  return { test: { ...shared, name: tier, include: tiered, env: { HOTSOCKET_TIER: tier }, setupFiles } }
}

export default defineConfig({
  test: {
    globalSetup: 'test/global-setup.ts',
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...tiered, '**/node_modules/**']
        }
      },
      onTier('engine'),
      onTier('native'),
      { test: { ...shared, name: 'js', include: tiered, env: { HOTSOCKET_TIER: 'js' } } }
    ]
  }
})
