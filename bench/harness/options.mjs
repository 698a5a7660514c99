// Owns the command line of bench/run.mjs.
import { parseArgs } from 'node:util'
import { CASES } from './cases.mjs'
import { CONTENDERS } from './contenders.mjs'

const CASE_NAMES = CASES.map(({ name }) => name)
const CONTENDER_NAMES = CONTENDERS.map(({ name }) => name)

export const USAGE = `Usage: npm run bench -- [options]
  --only NAME     only this case or contender; may be given several times
  --rounds N      rounds of each case (default 3; some cases take more or fewer)
  --seconds S     time that is measured in each round (default 1); warming up takes half of it
  --quick         one round of 0.3 s, few connections: to see that all works, not for figures
  --json FILE     writes all rounds and what the machine is
  --svg FILE      draws the echo cases
  --help
All of it takes about 40 minutes, on a machine that should do nothing else.
Cases:      ${CASE_NAMES.join(', ')}
Contenders: ${CONTENDER_NAMES.join(', ')}`

/** Parses arguments; a wrong one ends the process with status 2. */
export function parseOptions(args) {
  try {
    return resolve(parse(args))
  } catch (error) {
    console.error(`bench: ${error.message}\n${USAGE}`)
    process.exit(2)
  }
}

function parse(args) {
  return parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      svg: { type: 'string' },
      help: { type: 'boolean', default: false }
    }
  }).values
}

function resolve({ only, rounds, seconds, quick, json = null, svg = null, help }) {
  const unknown = only.find((name) => !CASE_NAMES.includes(name) && !CONTENDER_NAMES.includes(name))
  if (unknown !== undefined) throw new Error(`there is no case or contender ${unknown}`)
  const measureMs = positive('--seconds', seconds ?? (quick ? '0.3' : '1')) * 1000
  return {
    cases: chosen(CASE_NAMES, only),
    contenders: chosen(CONTENDER_NAMES, only),
    rounds: Math.ceil(positive('--rounds', rounds ?? (quick ? '1' : '3'))),
    measureMs: Math.round(measureMs),
    warmupMs: Math.round(measureMs / 2),
    quick,
    json,
    svg,
    help
  }
}

/** Those that were asked for; all if none was. */
function chosen(names, only) {
  const some = names.filter((name) => only.includes(name))
  return some.length > 0 ? some : names
}

function positive(name, text) {
  const number = Number(text)
  if (!(number > 0 && number < 1e6)) throw new Error(`${name} takes a positive number, not ${text}`)
  return number
}
