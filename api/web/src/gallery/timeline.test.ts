import { expect, test } from 'vitest'
import { ROW_BYTES, unpackedMonth, type PackedMonth } from './packed'
import {
  HEADING_PX,
  marksOf,
  monthAt,
  moved,
  placed,
  sectionAt,
  sectionsBetween,
  sectionsOf,
  totalHeight,
  Typesetter,
} from './timeline'

const WANTED = { width: 1000, height: 200, gap: 4 }
const BUCKETS = [
  { month: 202611, count: 40 },
  { month: 202610, count: 300 },
  { month: 202512, count: 5 },
]

function month(count: number, thousandths = 1000): PackedMonth {
  const buffer = new ArrayBuffer(count * ROW_BYTES)
  const view = new DataView(buffer)
  for (let place = 0; place < count; place += 1) view.setUint16(place * ROW_BYTES + 16, thousandths)
  return unpackedMonth(buffer)
}

const none = () => undefined

test('sections stand below each other and count on', () => {
  const sections = sectionsOf(BUCKETS, none, WANTED, new Typesetter())

  expect(sections.map(section => section.first)).toEqual([0, 40, 340])
  expect(sections[1]?.top).toBeGreaterThan((sections[0]?.top ?? 0) + (sections[0]?.height ?? 0))
  expect(totalHeight(sections)).toBe((sections[2]?.top ?? 0) + (sections[2]?.height ?? 0))
})

test('a month above that comes moves nothing that is looked at', () => {
  const typesetter = new Typesetter()
  const before = sectionsOf(BUCKETS, none, WANTED, typesetter)
  const tall = month(40, 500)
  const after = sectionsOf(BUCKETS, at => (at === 202611 ? tall : undefined), WANTED, typesetter)
  const y = (before[1]?.top ?? 0) + HEADING_PX + 300

  const by = moved(before, after, y)

  expect(by).toBeCloseTo((after[1]?.top ?? 0) - (before[1]?.top ?? 0), 6)
  expect(by).not.toBe(0)
})

test('a narrower page keeps the picture that is at the top', () => {
  const packed = { 202611: month(40), 202610: month(300), 202512: month(5) } as Record<number, PackedMonth>
  const typesetter = new Typesetter()
  const before = sectionsOf(BUCKETS, at => packed[at], WANTED, typesetter)
  const row = before[1]?.rows?.[10]
  const y = (before[1]?.top ?? 0) + HEADING_PX + (row?.top ?? 0) + 1
  const after = sectionsOf(BUCKETS, at => packed[at], { ...WANTED, width: 500 }, new Typesetter())

  const at = y + moved(before, after, y) - (after[1]?.top ?? 0) - HEADING_PX

  const shown = after[1]?.rows?.find(each => each.top + each.height > at)
  expect(shown?.from).toBeLessThanOrEqual(row?.from ?? -1)
  expect(shown?.to).toBeGreaterThan(row?.from ?? Number.POSITIVE_INFINITY)
})

test('rows that were set are not set again while another month comes', () => {
  const first = month(40)
  const typesetter = new Typesetter()
  const before = sectionsOf(BUCKETS, at => (at === 202611 ? first : undefined), WANTED, typesetter)
  const second = month(300)
  const after = sectionsOf(BUCKETS, at => ({ 202611: first, 202610: second })[at], WANTED, typesetter)

  expect(after[0]?.rows).toBe(before[0]?.rows)
})

test('the section at a height, and those between two', () => {
  const sections = sectionsOf(BUCKETS, none, WANTED, new Typesetter())

  expect(sectionAt(sections, -10)).toBe(0)
  expect(sectionAt(sections, (sections[1]?.top ?? 0) + 1)).toBe(1)
  expect(sectionAt(sections, 1e9)).toBe(2)
  expect(sectionsBetween(sections, 0, (sections[1]?.top ?? 0) + 1).map(section => section.month)).toEqual([202611, 202610])
})

test('the bar names each year once, at its newest month, with room between words', () => {
  const sections = sectionsOf(BUCKETS, none, WANTED, new Typesetter())

  const marks = marksOf(sections, 600)

  expect(marks.filter(mark => mark.year !== null).map(mark => mark.year)).toEqual([2026, 2025])
  expect(monthAt(sections, 0)).toBe(202611)
  expect(monthAt(sections, 0.999)).toBe(202512)
})

test('a hundred years fit on a short bar', () => {
  const buckets = Array.from({ length: 1200 }, (_, at) => ({ month: (2026 - Math.floor(at / 12)) * 100 + 12 - (at % 12), count: 3 }))
  const marks = marksOf(sectionsOf(buckets, none, WANTED, new Typesetter()), 400)

  const words = marks.filter(mark => mark.year !== null)
  expect(words.length).toBeLessThanOrEqual(21)
  expect(words.length).toBeGreaterThan(10)
})

test('a place among all is a month and a place in it', () => {
  const sections = sectionsOf(BUCKETS, none, WANTED, new Typesetter())

  expect(placed(sections, 0)).toMatchObject({ section: { month: 202611 }, within: 0 })
  expect(placed(sections, 40)).toMatchObject({ section: { month: 202610 }, within: 0 })
  expect(placed(sections, 344)).toMatchObject({ section: { month: 202512 }, within: 4 })
  expect(placed(sections, 345)).toBeNull()
  expect(placed(sections, -1)).toBeNull()
  expect(placed([], 0)).toBeNull()
})
