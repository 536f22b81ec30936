import { expect, test } from 'vitest'
import { RATIOS, sizeOf } from './shape'

const SDXL = { min_side_px: 256, max_side_px: 2048, max_megapixels: 2.4, size_step_px: 64 }
const STARTER = { min_side_px: 64, max_side_px: 256, max_megapixels: 0.07, size_step_px: 8 }

test('a square is what the model likes best', () => {
  expect(sizeOf(1, { width: 1024, height: 1024 }, SDXL)).toEqual({ width: 1024, height: 1024 })
})

test('every shape stays within what a model can do, in its steps', () => {
  for (const ratio of Object.values(RATIOS)) {
    for (const [best, limits] of [
      [{ width: 1024, height: 1024 }, SDXL],
      [{ width: 128, height: 128 }, STARTER],
      [{ width: 264, height: 264 }, STARTER],
    ] as const) {
      const { width, height } = sizeOf(ratio, best, limits)

      for (const side of [width, height]) {
        expect(side % limits.size_step_px).toBe(0)
        expect(side).toBeGreaterThanOrEqual(limits.min_side_px)
        expect(side).toBeLessThanOrEqual(limits.max_side_px)
      }
      expect(width * height).toBeLessThanOrEqual(limits.max_megapixels * 1_000_000)
    }
  }
})

test('a wide shape is about as wide as it says', () => {
  const { width, height } = sizeOf(16 / 9, { width: 1024, height: 1024 }, SDXL)

  expect(width / height).toBeCloseTo(16 / 9, 0)
})

test.each([
  ['2:3', 832, 1216],
  ['4:3', 1152, 896],
  ['16:9', 1344, 768],
])('SDXL gets the sizes it was trained on: %s', (name, width, height) => {
  expect(sizeOf(RATIOS[name] ?? 1, { width: 1024, height: 1024 }, SDXL)).toEqual({ width, height })
})
