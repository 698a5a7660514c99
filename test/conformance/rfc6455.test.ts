// Replays every vector on a Protocol in memory: both roles, all kernels, all chunk sizes.
import { describe, expect, it } from 'vitest'
import { CoreSubject } from './core-subject.js'
import { IMPLEMENTATIONS } from './kernels.js'
import { testConformance, VECTORS } from './suite.js'

for (const { title, environment } of IMPLEMENTATIONS) {
  describe.skipIf(environment === null)(title, () => {
    for (const role of ['server', 'client'] as const)
      testConformance(role, (_, limits) => new CoreSubject(environment!, role, limits))
  })
}

it('every vector has a name of its own that begins with its section', () => {
  const names = VECTORS.map(({ name }) => name)
  expect(names.filter((name) => !/^§\d/.test(name))).toEqual([])
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})
