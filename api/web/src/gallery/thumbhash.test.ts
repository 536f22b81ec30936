import { expect, test } from 'vitest'
import { bmpAddress, bytesOf, decoded, placeholder } from './thumbhash'

/** As the API makes it of 120 × 80 pixels: (200, 40, 30) on the left half, (20, 60, 200) on the right. */
const RED_AND_BLUE = '13YCpaBwenaIeIiHeIiIh4+H+IiI'

function pixel(base64: string, x: number, y: number): number[] {
  const bitmap = decoded(bytesOf(base64) ?? new Uint8Array())
  const at = ((bitmap?.width ?? 0) * y + x) * 3
  return [...(bitmap?.rgb.slice(at, at + 3) ?? [])]
}

test('what the server hashed comes out again: shape and colours', () => {
  const bitmap = decoded(bytesOf(RED_AND_BLUE) ?? new Uint8Array())
  const [left, right] = [pixel(RED_AND_BLUE, 4, 8), pixel(RED_AND_BLUE, 20, 8)]

  expect(bitmap?.width).toBe(24)
  expect(bitmap?.height).toBeGreaterThanOrEqual(14)
  expect(left[0]).toBeGreaterThan((left[2] ?? 0) + 80)
  expect(right[2]).toBeGreaterThan((right[0] ?? 0) + 80)
})

test('what is no hash shows nothing', () => {
  expect(bytesOf('not base64!')).toBeNull()
  expect(decoded(new Uint8Array(3))).toBeNull()
  expect(placeholder('')).toBe('')
  expect(placeholder('%%%')).toBe('')
})

test('any bytes make some picture, never an error', () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const hash = Uint8Array.from({ length: 5 + (seed % 25) }, (_, at) => (seed * 131 + at * 89) % 256)
    expect(decoded(hash)?.rgb.length).toBeGreaterThan(0)
  }
})

test('a bitmap is a BMP whose lines are filled up to four bytes', () => {
  const address = bmpAddress({ width: 1, height: 2, rgb: Uint8Array.from([255, 0, 0, 0, 0, 255]) })
  const bytes = bytesOf(address.split(',')[1] ?? '') ?? new Uint8Array()

  expect(address.startsWith('data:image/bmp;base64,')).toBe(true)
  expect(bytes.length).toBe(54 + 8)
  expect([...bytes.slice(54)]).toEqual([0, 0, 255, 0, 255, 0, 0, 0])
})
