import { defineConfig } from 'vitest/config'

/** Tests of whatever stands on the kernels: they run once for each tier. */
const tiered = [
  'test/connection*.test.ts',
  'test/{server,transport,interop,property}/**/*.test.ts',
  'test/endpoint.test.ts'
]

const shared = { testTimeout: 20_000, hookTimeout: 20_000 }

export default defineConfig({
  test: {
    globalSetup: 'test/global-setup.ts',
    projects: [
      { test: { ...shared, name: 'unit', include: ['test/**/*.test.ts'], exclude: tiered } },
      {
        test: {
          ...shared,
          name: 'native',
          include: tiered,
          env: { HOTSOCKET_TIER: 'native' },
          setupFiles: ['test/support/native-or-skip.ts']
        }
      },
      { test: { ...shared, name: 'js', include: tiered, env: { HOTSOCKET_TIER: 'js' } } }
    ]
  }
})
