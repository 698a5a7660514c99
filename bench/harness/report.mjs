// Owns the tables. Must not measure.
import { VARIANT_LABELS } from './cases.mjs'
import { MEASURES } from './measures.mjs'

const LABEL_WIDTH = 38
const CELL_WIDTH = 14

/** One case's table as text: medians, and ratios of the headline figure within this run. */
export function formatCase({ title, measure, entries }) {
  const { columns, ratios } = MEASURES[measure]
  const shown = [
    ...columns.map(([heading, figure, digits]) => ({
      heading,
      show: ({ medians }) => format(read(medians, figure), digits)
    })),
    ...ratioColumns(entries, ratios).map(({ heading, ratio }) => ({
      heading,
      show: (entry) => format(ratio(entry), 2)
    }))
  ]
  const lines = entries.map((entry) => {
    const { medians, failures } = entry
    if (medians === null) return `${labelOf(entry)}  failed: ${failures[0]}`
    const cells = shown.map(({ show }) => pad(show(entry))).join('')
    return labelOf(entry) + cells + (failures.length > 0 ? `  ${failures.length} rounds failed` : '')
  })
  const headings = shown.map(({ heading }) => pad(heading)).join('')
  return [title, ' '.repeat(LABEL_WIDTH) + headings, ...lines].join('\n')
}

const pad = (cell) => cell.padStart(CELL_WIDTH)

function labelOf({ label, variant }) {
  return `${label}${VARIANT_LABELS[variant]}`.padEnd(LABEL_WIDTH)
}

function read(medians, figure) {
  return typeof figure === 'function' ? figure(medians) : medians[figure]
}

/**
 * Of each figure, to ws that does the same, and of a variant to the plain one of the same contender; of the first figure to
 * the JavaScript twin, too.
 */
function ratioColumns(entries, ratios) {
  const find = (contender, variant) =>
    entries.find((other) => other.contender === contender && other.variant === variant)
  const bases = {
    js: ({ variant }) => find('js', variant),
    ws: ({ variant }) => find('ws', variant),
    plain: ({ contender }) => entries.find((other) => other.contender === contender && isPlain(other))
  }
  const hasVariants = entries.some(isPlain) && !entries.every(isPlain)
  return ratios.flatMap(([prefix, figure], index) =>
    Object.entries(bases)
      .filter(([name]) => (name !== 'js' || index === 0) && (name !== 'plain' || hasVariants))
      .map(([name, baseOf]) => ({
        heading: `${prefix}to ${name}`,
        ratio: (entry) => entry.medians[figure] / (baseOf(entry)?.medians?.[figure] ?? Number.NaN)
      }))
  )
}

function isPlain({ variant }) {
  return VARIANT_LABELS[variant] === ''
}

function format(number, digits) {
  if (number === null || !Number.isFinite(number)) return '-'
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
