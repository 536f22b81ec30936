import { expect, test } from 'vitest'
import { ROW_BYTES, unpackedMonth } from './packed'

function packedRows(...rows: [string, number, number][]): ArrayBuffer {
  const buffer = new ArrayBuffer(rows.length * ROW_BYTES)
  const view = new DataView(buffer)
  rows.forEach(([id, seconds, thousandths], place) => {
    for (let byte = 0; byte < 12; byte += 1) {
      view.setUint8(place * ROW_BYTES + byte, Number.parseInt(id.slice(4 + byte * 2, 6 + byte * 2), 16))
    }
    view.setUint32(place * ROW_BYTES + 12, seconds)
    view.setUint16(place * ROW_BYTES + 16, thousandths)
  })
  return buffer
}

test('a row is its id, its second and its shape', () => {
  const month = unpackedMonth(packedRows(['ast_00ff10203040506070809aab', 61, 1500], ['ast_abcdefabcdefabcdefabcdef', 2_678_399, 562]))

  expect(month.count).toBe(2)
  expect(month.idAt(0)).toBe('ast_00ff10203040506070809aab')
  expect(month.idAt(1)).toBe('ast_abcdefabcdefabcdefabcdef')
  expect(month.secondAt(1)).toBe(2_678_399)
  expect(month.aspectAt(0)).toBe(1.5)
  expect(month.aspectAt(1)).toBe(0.562)
})

test('bytes behind the last whole row are no row', () => {
  expect(unpackedMonth(new ArrayBuffer(ROW_BYTES + 5)).count).toBe(1)
  expect(unpackedMonth(new ArrayBuffer(0)).count).toBe(0)
})
