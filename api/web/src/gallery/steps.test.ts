import { expect, test } from 'vitest'
import { type PackedMonth, ROW_BYTES, unpackedMonth } from './packed'
import { edgesOf, neighbour } from './steps'
import { sectionsOf, Typesetter } from './timeline'

const WANTED = { width: 400, height: 100, gap: 0 }

function month(count: number): PackedMonth {
  const buffer = new ArrayBuffer(count * ROW_BYTES)
  const view = new DataView(buffer)
  for (let place = 0; place < count; place += 1) view.setUint16(place * ROW_BYTES + 16, 1000)
  return unpackedMonth(buffer)
}

// Rows of four squares: 0-3, 4-5 | 6-9, 10.
const packed: Record<number, PackedMonth> = { 202611: month(6), 202610: month(5) }
const at = (month: number) => packed[month]
const sections = sectionsOf(
  [
    { month: 202611, count: 6 },
    { month: 202610, count: 5 },
  ],
  at,
  WANTED,
  new Typesetter(),
)
const from = (place: number, direction: 'left' | 'right' | 'up' | 'down') =>
  neighbour(sections, at, WANTED, place, direction)

test('left and right follow the order and stop at its ends', () => {
  expect([from(0, 'left'), from(0, 'right'), from(5, 'right'), from(10, 'right')]).toEqual([0, 1, 6, 10])
})

test('up and down lead to what stands nearest, over months too', () => {
  expect(from(1, 'down')).toBe(5)
  expect(from(3, 'down')).toBe(5)
  expect(from(4, 'down')).toBe(6)
  expect(from(8, 'up')).toBe(5)
  expect(from(2, 'up')).toBe(2)
  expect(from(10, 'down')).toBe(10)
})

test('a month that is not here yet is waited for', () => {
  const partly = sectionsOf(
    [
      { month: 202611, count: 6 },
      { month: 202610, count: 5 },
    ],
    month => (month === 202611 ? packed[202611] : undefined),
    WANTED,
    new Typesetter(),
  )

  expect(neighbour(partly, at, WANTED, 5, 'down')).toBeNull()
  expect(edgesOf(partly, 8)?.top).toBeGreaterThan(partly[1]?.top ?? 0)
})

test('a picture has the edges of its row', () => {
  expect(edgesOf(sections, 5)).toEqual({ top: 44 + 100, bottom: 44 + 200 })
  expect(edgesOf(sections, 11)).toBeNull()
})
