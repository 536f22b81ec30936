import { expect, test } from 'vitest'
import { boxesOf, heightOf, justifiedRows, rowAt } from './justified'

const WANTED = { width: 1000, height: 200, gap: 4 }
const shapes = (count: number) => (place: number) => [1, 1.5, 0.66, 1.78, 0.56][(place * 7 + (place % 3)) % 5] ?? count

test('every full row is exactly as wide as the page, and none is higher than wanted', () => {
  const rows = justifiedRows(500, shapes(1), WANTED)

  for (const row of rows.slice(0, -1)) {
    const boxes = boxesOf(row, shapes(1), WANTED.gap)
    const last = boxes.at(-1)
    expect((last?.left ?? 0) + (last?.width ?? 0)).toBeCloseTo(1000, 6)
    expect(row.height).toBeLessThanOrEqual(200.0001)
  }
})

test('rows hold every picture once, in order, without touching', () => {
  const rows = justifiedRows(500, shapes(1), WANTED)

  expect(rows[0]?.from).toBe(0)
  expect(rows.at(-1)?.to).toBe(500)
  rows.slice(1).forEach((row, at) => {
    const above = rows[at]
    expect(row.from).toBe(above?.to)
    expect(row.top).toBeCloseTo((above?.top ?? 0) + (above?.height ?? 0) + 4, 6)
  })
})

test('the last row keeps the wanted height instead of blowing one picture up', () => {
  const rows = justifiedRows(1, () => 1, WANTED)

  expect(rows).toEqual([{ from: 0, to: 1, top: 0, height: 200 }])
})

test('a panorama is cropped instead of becoming a row of a few pixels', () => {
  const [row] = justifiedRows(1, () => 40, { width: 390, height: 120, gap: 2 })

  expect(row?.height).toBeGreaterThan(100)
})

test('nothing is nothing, and the row at a height is found', () => {
  const rows = justifiedRows(100, shapes(1), WANTED)

  expect(heightOf([])).toBe(0)
  expect(rowAt(rows, -5)).toBe(0)
  expect(rowAt(rows, (rows[3]?.top ?? 0) + 1)).toBe(3)
  expect(rowAt(rows, 1e9)).toBe(rows.length)
})

test('of 100,000 pictures each shape is asked for once, and all are set', () => {
  let asked = 0
  const counted = (place: number) => {
    asked += 1
    return shapes(1)(place)
  }

  expect(justifiedRows(100_000, counted, WANTED).at(-1)?.to).toBe(100_000)

  expect(asked).toBe(100_000)
})
