// From one day, month or year of the library to the next: where its first picture is. Months are UTC, so days are too.
import type { PackedMonth } from './packed'
import { placed, type Section } from './timeline'

export type Unit = 'day' | 'month' | 'year'

const DAY_S = 86_400

type Packed = (month: number) => PackedMonth | undefined

/**
 * Place of the first picture of the next unit (by 1: older), or back to the first one of this unit and then of the newer
 * ones (by -1); the same place where there is none. A month that is not here yet is one day. Pure.
 */
export function leap(sections: readonly Section[], packed: Packed, place: number, unit: Unit, by: 1 | -1): number {
  if (by === 1) return nextOf(sections, packed, place, unit) ?? place
  const start = startOf(sections, packed, place, unit)
  if (start === null || start < place) return start ?? place
  return startOf(sections, packed, start - 1, unit) ?? place
}

function nextOf(sections: readonly Section[], packed: Packed, place: number, unit: Unit): number | null {
  const here = placed(sections, place)
  if (!here) return null
  const { section, within } = here
  const month = unit === 'day' ? packed(section.month) : undefined
  const today = month && dayAt(month, within)
  for (let at = within + 1; month && at < month.count; at += 1) {
    if (dayAt(month, at) !== today) return section.first + at
  }
  const others = sections.slice(sections.indexOf(section) + 1)
  const next = others.find(each => each.count > 0 && (unit !== 'year' || yearOf(each) !== yearOf(section)))
  return next ? next.first : null
}

function startOf(sections: readonly Section[], packed: Packed, place: number, unit: Unit): number | null {
  const here = placed(sections, place)
  if (!here) return null
  const { section, within } = here
  if (unit === 'month') return section.first
  if (unit === 'year') return sections.find(each => each.count > 0 && yearOf(each) === yearOf(section))?.first ?? null
  const month = packed(section.month)
  if (!month) return section.first
  let start = within
  while (start > 0 && dayAt(month, start - 1) === dayAt(month, within)) start -= 1
  return section.first + start
}

function dayAt(month: PackedMonth, place: number): number {
  return Math.floor(month.secondAt(place) / DAY_S)
}

function yearOf(section: Section): number {
  return Math.floor(section.month / 100)
}
