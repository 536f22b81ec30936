// Where an arrow leads from a picture: along the order, or to the nearest one of the row above or below, over months too.
import { boxesOf, type JustifiedRow, type RowsWanted } from './justified'
import type { PackedMonth } from './packed'
import { HEADING_PX, placed, type Section } from './timeline'

export type Direction = 'left' | 'right' | 'up' | 'down'

interface Spot {
  section: Section
  row: number
}

/** Place of the neighbour; the same place where there is none, null where a month's rows are not here yet. Pure. */
export function neighbour(
  sections: readonly Section[],
  packed: (month: number) => PackedMonth | undefined,
  wanted: RowsWanted,
  place: number,
  direction: Direction,
): number | null {
  if (direction === 'left') return Math.max(0, place - 1)
  if (direction === 'right') return placed(sections, place + 1) ? place + 1 : place
  const here = placed(sections, place)
  if (!here?.section.rows) return null
  const row = here.section.rows.findIndex(each => each.to > here.within)
  const spot = beside(sections, { section: here.section, row }, direction)
  if (spot === undefined) return place
  const there = spot?.section.rows?.[spot.row]
  const from = packed(here.section.month)
  const to = spot && packed(spot.section.month)
  if (!spot || !there || !from || !to) return null
  const middle = middleOf(here.section.rows[row] as JustifiedRow, here.within, from, wanted.gap)
  return spot.section.first + nearestIn(there, middle, to, wanted.gap)
}

/** Undefined: there is no row; null: its month is not here yet. */
function beside(sections: readonly Section[], { section, row }: Spot, direction: 'up' | 'down'): Spot | null | undefined {
  const next = row + (direction === 'up' ? -1 : 1)
  if (section.rows?.[next]) return { section, row: next }
  let at = sections.indexOf(section)
  do at += direction === 'up' ? -1 : 1
  while (sections[at]?.count === 0)
  const other = sections[at]
  if (!other) return undefined
  return other.rows ? { section: other, row: direction === 'up' ? other.rows.length - 1 : 0 } : null
}

function middleOf(row: JustifiedRow, within: number, month: PackedMonth, gap: number): number {
  const box = boxesOf(row, month.aspectAt, gap)[within - row.from]
  return box ? box.left + box.width / 2 : 0
}

function nearestIn(row: JustifiedRow, middle: number, month: PackedMonth, gap: number): number {
  const boxes = boxesOf(row, month.aspectAt, gap)
  const distances = boxes.map(box => Math.max(box.left - middle, middle - box.left - box.width, 0))
  return row.from + distances.indexOf(Math.min(...distances))
}

/** Upper and lower edge of a picture's row, from the top of the column; of a month that is not here, roughly. Pure. */
export function edgesOf(sections: readonly Section[], place: number): { top: number; bottom: number } | null {
  const found = placed(sections, place)
  if (!found) return null
  const { section, within } = found
  const row = section.rows?.find(each => each.to > within)
  if (row) {
    const top = section.top + HEADING_PX + row.top
    return { top, bottom: top + row.height }
  }
  const top = section.top + HEADING_PX + ((section.height - HEADING_PX) * within) / Math.max(1, section.count)
  return { top, bottom: top + 1 }
}
