// The whole library in one column: a section a month, each a heading and its rows.
//
// A month whose rows are not here yet has the height that its count lets expect; when they come, its height becomes exact,
// and whoever looks at another month must not see that month move: `moved` says by how much to scroll.
import { heightOf, type JustifiedRow, justifiedRows, type RowsWanted } from './justified'
import type { PackedMonth } from './packed'

export interface Bucket {
  month: number
  count: number
}

export interface Section {
  month: number
  count: number
  /** Upper edge, from the first section's. */
  top: number
  height: number
  /** Null: its rows are not here yet. */
  rows: JustifiedRow[] | null
  /** Place of its first picture among all. */
  first: number
}

export const HEADING_PX = 44
export const BETWEEN_PX = 28
/** Of a picture whose shape is not known yet: between the square and the 4:3 that most are. */
const USUAL_ASPECT = 1.15

/** Height of the rows that so many pictures will take. Pure. */
export function expectedHeight(count: number, wanted: RowsWanted): number {
  const inRow = Math.max(1, (wanted.width + wanted.gap) / (USUAL_ASPECT * wanted.height + wanted.gap))
  return Math.ceil(count / inRow) * (wanted.height + wanted.gap)
}

/** Keeps rows that were set for the same month and width, so that a month that comes does not set all others anew. */
export class Typesetter {
  private kept = new Map<number, { month: PackedMonth; wanted: string; rows: JustifiedRow[] }>()

  rowsOf(month: number, packed: PackedMonth, wanted: RowsWanted): JustifiedRow[] {
    const shape = `${wanted.width}/${wanted.height}/${wanted.gap}`
    const was = this.kept.get(month)
    if (was?.month === packed && was.wanted === shape) return was.rows
    const rows = justifiedRows(packed.count, packed.aspectAt, wanted)
    this.kept.set(month, { month: packed, wanted: shape, rows })
    return rows
  }
}

/** All sections, the newest first. Pure but for what the typesetter keeps. */
export function sectionsOf(
  buckets: readonly Bucket[],
  packed: (month: number) => PackedMonth | undefined,
  wanted: RowsWanted,
  typesetter: Typesetter,
): Section[] {
  let top = 0
  let first = 0
  return buckets.map(({ month, count: told }) => {
    const known = packed(month)
    const rows = known ? typesetter.rowsOf(month, known, wanted) : null
    const count = known ? known.count : told
    const height = HEADING_PX + (rows ? heightOf(rows) : expectedHeight(count, wanted))
    const section = { month, count, top, height, rows, first }
    top += height + BETWEEN_PX
    first += count
    return section
  })
}

export function totalHeight(sections: readonly Section[]): number {
  const last = sections.at(-1)
  return last ? last.top + last.height : 0
}

/** The section at a height; the last one below all. Pure, by halving. */
export function sectionAt(sections: readonly Section[], y: number): number {
  let low = 0
  let high = sections.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    const section = sections[middle] as Section
    if (section.top + section.height + BETWEEN_PX > y) high = middle
    else low = middle + 1
  }
  return Math.max(0, low)
}

/** Those that touch the stretch between two heights. Pure. */
export function sectionsBetween(sections: readonly Section[], from: number, to: number): Section[] {
  const found: Section[] = []
  for (let at = sectionAt(sections, from); at < sections.length; at += 1) {
    const section = sections[at] as Section
    if (section.top >= to) break
    if (section.top + section.height > from) found.push(section)
  }
  return found
}

/**
 * How far to scroll after a new layout so that what was at `y` stays there, in pixels: the same picture where its row was
 * known in both, else the same part of its month. Pure.
 */
export function moved(before: readonly Section[], after: readonly Section[], y: number): number {
  if (before.length === 0 || after.length === 0) return 0
  const was = before[sectionAt(before, y)] as Section
  const is = after.find(section => section.month === was.month)
  if (!is) return 0
  const below = y - was.top
  if (below <= HEADING_PX) return is.top - was.top
  if (was.rows && is.rows) return is.top + withinRows(was.rows, is.rows, below - HEADING_PX) + HEADING_PX - y
  if (was.rows === is.rows) return is.top - was.top
  const share = (below - HEADING_PX) / Math.max(1, was.height - HEADING_PX)
  return is.top + HEADING_PX + Math.min(1, share) * (is.height - HEADING_PX) - y
}

function withinRows(before: readonly JustifiedRow[], after: readonly JustifiedRow[], y: number): number {
  const row = before.find(each => each.top + each.height > y)
  const same = row && after.find(each => each.to > row.from)
  return row && same ? same.top + Math.min(1, (y - row.top) / row.height) * same.height : heightOf(after)
}

export interface Mark {
  month: number
  /** Where on the bar, 0 (top) to 1. */
  at: number
  /** The year, on its first month from above; null: no words, a dot. */
  year: number | null
}

/** Least distance of two years' words on the bar, and of two dots, in pixels. */
const WORDS_APART_PX = 20
const DOTS_APART_PX = 7

/** The marks of the bar beside the pictures, as many as there is room for. Pure. */
export function marksOf(sections: readonly Section[], barHeight: number): Mark[] {
  const total = totalHeight(sections)
  if (total <= 0 || barHeight <= 0) return []
  const marks: Mark[] = []
  let lastDot = Number.NEGATIVE_INFINITY
  let lastWord = Number.NEGATIVE_INFINITY
  let lastYear = 0
  for (const section of sections) {
    const at = section.top / total
    const y = at * barHeight
    const year = Math.floor(section.month / 100)
    const isNewYear = year !== lastYear
    if (isNewYear && y - lastWord >= WORDS_APART_PX) {
      // A dot that would touch the word gives way.
      if (marks.at(-1)?.year === null && y - lastDot < DOTS_APART_PX) marks.pop()
      marks.push({ month: section.month, at, year })
      lastWord = y
      lastDot = y
      lastYear = year
    } else if (y - lastDot >= DOTS_APART_PX) {
      marks.push({ month: section.month, at, year: null })
      lastDot = y
    }
  }
  return marks
}

/** The month of a place on the bar, 0..1. Pure. */
export function monthAt(sections: readonly Section[], at: number): number | null {
  return sections.length ? (sections[sectionAt(sections, at * totalHeight(sections))] as Section).month : null
}

/** Place among all pictures → its section and its place there; null: there is no such place. Pure. */
export function placed(sections: readonly Section[], place: number): { section: Section; within: number } | null {
  if (place < 0) return null
  let low = 0
  let high = sections.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((sections[middle] as Section).first <= place) low = middle
    else high = middle - 1
  }
  const section = sections[low]
  return section && place < section.first + section.count ? { section, within: place - section.first } : null
}
