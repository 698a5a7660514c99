// Makes native/generated/layout.h from dist/core/layout.js, so that both languages number the same words.
// With --check it writes nothing and exits 1 if the committed header differs. Needs a build first.
import { readFileSync, writeFileSync } from 'node:fs'
import * as layout from '../dist/core/layout.js'

const HEADER = new URL('./generated/layout.h', import.meta.url)

const snakeCase = (name) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()

const constant = (name, value) => {
  if (!Number.isInteger(value)) throw new TypeError(`layout: ${name} is not an integer`)
  return `inline constexpr int ${name} = ${value};`
}

const group = (name, constants) => {
  const lines = Object.entries(constants).map(([key, value]) => constant(key, value))
  return [`namespace ${snakeCase(name)} {`, ...lines, `}  // namespace ${snakeCase(name)}`].join('\n')
}

const generate = () => {
  const exported = Object.entries(layout)
  const words = exported.filter(([, value]) => typeof value === 'number').map((entry) => constant(...entry))
  const groups = exported.filter(([, value]) => typeof value === 'object').map((entry) => group(...entry))
  return [
    '// Generated from src/core/layout.ts by native/generate-layout.mjs; do not edit. The meaning of each word stands there.',
    '#pragma once\n',
    'namespace hotsocket::layout {\n',
    `${words.join('\n')}\n`,
    `${groups.join('\n\n')}\n`,
    '}  // namespace hotsocket::layout\n'
  ].join('\n')
}

const text = generate()
if (!process.argv.includes('--check')) {
  writeFileSync(HEADER, text)
} else if (readFileSync(HEADER, 'utf8') !== text) {
  console.error(
    'native/generated/layout.h differs from src/core/layout.ts: run npm run generate and commit it'
  )
  process.exit(1)
}
