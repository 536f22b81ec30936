import { expect, test } from 'vitest'
import { leap, type Unit } from './leaps'
import type { PackedMonth } from './packed'
import type { Section } from './timeline'

const DAY_S = 86_400
/** November 2026 with pictures on three days, October with one, December 2025 with two that are not here yet. */
const DAYS: Record<number, number[]> = { 202611: [20, 20, 7, 7, 7, 1], 202610: [3] }
const COUNTS: [number, number][] = [
  [202611, 6],
  [202610, 1],
  [202512, 2],
]

let first = 0
const sections: Section[] = COUNTS.map(([month, count]) => {
  const section = { month, count, first, top: 0, height: 0, rows: null }
  first += count
  return section
})

function packed(month: number): PackedMonth | undefined {
  const days = DAYS[month]
  return days && { count: days.length, idAt: String, aspectAt: () => 1, secondAt: at => (days[at] ?? 0) * DAY_S + 60 }
}

const walked = (from: number, unit: Unit, by: 1 | -1, times = 9) => {
  const places = [from]
  for (let at = 0; at < times; at += 1) places.push(leap(sections, packed, places.at(-1) as number, unit, by))
  return [...new Set(places)]
}

test('day by day through the months, newest first', () => {
  expect(walked(0, 'day', 1)).toEqual([0, 2, 5, 6, 7])
})

test('back to the beginning of the day, and then to the days before it', () => {
  expect(walked(4, 'day', -1)).toEqual([4, 2, 0])
})

test('by month and by year', () => {
  expect(walked(1, 'month', 1)).toEqual([1, 6, 7])
  expect(walked(8, 'month', -1)).toEqual([8, 7, 6, 0])
  expect(walked(1, 'year', 1)).toEqual([1, 7])
  expect(walked(8, 'year', -1)).toEqual([8, 7, 0])
})

test('a month that is not here yet counts as one day; nowhere to go is here', () => {
  expect(leap(sections, packed, 8, 'day', -1)).toBe(7)
  expect(leap(sections, packed, 8, 'day', 1)).toBe(8)
  expect(leap([], packed, 0, 'month', 1)).toBe(0)
})
