// Owns the tables. Must not measure.
import { VARIANT_LABELS } from './cases.mjs'
import { MEASURES } from './measures.mjs'

const LABEL_WIDTH = 38
const CELL_WIDTH = 15

/** One case's table as text: medians, and ratios of the headline figure within this run. */
export function formatCase({ title, measure, entries }) {
  const { columns, headline } = MEASURES[measure]
  const ratios = headline === null ? [] : ratioColumns(entries, headline)
  const headings = [...columns.map(([heading]) => heading), ...ratios.map(({ heading }) => heading)]
  const lines = entries.map((entry) => {
    const { medians, failures } = entry
    if (medians === null) return `${labelOf(entry)}  failed: ${failures[0]}`
    const cells = columns.map(([, figure, digits]) => format(read(medians, figure), digits))
    const row = [...cells, ...ratios.map(({ read }) => format(read(entry), 2))]
    return (
      labelOf(entry) +
      row.map(pad).join('') +
      (failures.length > 0 ? `  ${failures.length} rounds failed` : '')
    )
  })
  return [title, ' '.repeat(LABEL_WIDTH) + headings.map(pad).join(''), ...lines].join('\n')
}

const pad = (cell) => cell.padStart(CELL_WIDTH)

function labelOf({ label, variant }) {
  return `${label}${VARIANT_LABELS[variant]}`.padEnd(LABEL_WIDTH)
}

function read(medians, figure) {
  return typeof figure === 'function' ? figure(medians) : medians[figure]
}

/** To the JavaScript twin and to ws that do the same, and of a variant to the plain one of the same contender. */
function ratioColumns(entries, headline) {
  const find = (contender, variant) =>
    entries.find((other) => other.contender === contender && other.variant === variant)?.medians?.[headline]
  const ratio = (entry, base) => (base === undefined ? null : entry.medians[headline] / base)
  const columns = [
    { heading: 'to js', read: (entry) => ratio(entry, find('js', entry.variant)) },
    { heading: 'to ws', read: (entry) => ratio(entry, find('ws', entry.variant)) }
  ]
  if (entries.some(({ variant }) => variant !== 'payload')) {
    columns.push({ heading: 'to plain', read: (entry) => ratio(entry, find(entry.contender, 'payload')) })
  }
  return columns
}

function format(number, digits) {
  if (number === null || !Number.isFinite(number)) return '-'
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
