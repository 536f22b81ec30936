import { expect, test } from 'vitest'
import { ROW_BYTES, unpackedMonth } from '~/gallery/packed'
import { isKept, packed, unpacked } from './kept'

test('what shows pictures and lets one write is kept; searches, the rack and whoever is here are not', () => {
  const asked = [['models'], ['asset', 'ast_0'], ['assets', 'month', {}, 202601], ['assets', 'buckets', {}]]
  const others = [
    ['session'],
    ['rack', 'status'],
    ['assets', 'list', 'q'],
    ['assets', 'duplicates', 3],
    ['jobs', 'poll'],
  ]

  expect(asked.map(isKept)).toEqual(asked.map(() => true))
  expect(others.map(isKept)).toEqual(others.map(() => false))
})

test('a month lies in the store as its bytes and is a month again afterwards', () => {
  const bytes = new ArrayBuffer(2 * ROW_BYTES)
  new DataView(bytes).setUint16(16, 1500)

  const stored = packed(unpackedMonth(bytes))
  expect(structuredClone(stored)).toEqual(bytes)

  const month = unpacked(stored) as ReturnType<typeof unpackedMonth>
  expect([month.count, month.aspectAt(0)]).toEqual([2, 1.5])
})

test('every other answer lies there as it is', () => {
  expect(unpacked(packed([{ id: 'sdxl' }]))).toEqual([{ id: 'sdxl' }])
  expect(unpacked(packed(null))).toBeNull()
})
