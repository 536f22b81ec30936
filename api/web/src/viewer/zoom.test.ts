import { expect, test } from 'vitest'
import { FIT, fitted, held, mostZoom, panned, pixelZoom, toggledZoom, zoomedAt } from './zoom'

const WINDOW = { width: 1000, height: 800 }
const PICTURE = { width: 4000, height: 2000 }
const SHOWN = fitted(PICTURE, WINDOW)

test('a picture fits into the window and keeps its shape', () => {
  expect(SHOWN).toEqual({ width: 1000, height: 500 })
  expect(fitted({ width: 64, height: 64 }, WINDOW)).toEqual({ width: 800, height: 800 })
  expect(fitted({ width: 0, height: 0 }, WINDOW)).toEqual({ width: 0, height: 0 })
})

test('what is under the pointer stays under it', () => {
  const before = { zoom: 2, cx: 0.5, cy: 0.5 }
  const [x, y] = [200, 100]

  const after = zoomedAt(before, 1.5, x, y, SHOWN, WINDOW, 64)

  const under = (view: typeof before) => [view.cx + x / (SHOWN.width * view.zoom), view.cy + y / (SHOWN.height * view.zoom)]
  expect(after.zoom).toBe(3)
  expect(under(after)[0]).toBeCloseTo(under(before)[0] ?? 0, 9)
  expect(under(after)[1]).toBeCloseTo(under(before)[1] ?? 0, 9)
})

test('it never gets smaller than the window nor leaves it', () => {
  expect(zoomedAt(FIT, 0.1, 50, 50, SHOWN, WINDOW, 64)).toEqual(FIT)
  expect(panned({ zoom: 2, cx: 0.5, cy: 0.5 }, 1e6, 0, SHOWN, WINDOW).cx).toBe(0.25)
  expect(held({ zoom: 1.2, cx: 0.9, cy: 0.9 }, SHOWN, WINDOW).cy).toBe(0.5)
})

test('pixel for pixel counts the pixels of the screen', () => {
  expect(pixelZoom(PICTURE, SHOWN, 1)).toBe(4)
  expect(pixelZoom(PICTURE, SHOWN, 2)).toBe(2)
  expect(mostZoom(PICTURE, SHOWN, 1)).toBe(64)
})

test('a double click goes to the pixels and back, and enlarges what is small anyway', () => {
  const near = toggledZoom(FIT, 0, 0, PICTURE, SHOWN, WINDOW, 1)
  const small = { width: 64, height: 64 }

  expect(near.zoom).toBe(4)
  expect(toggledZoom(near, 0, 0, PICTURE, SHOWN, WINDOW, 1)).toEqual(FIT)
  expect(toggledZoom(FIT, 0, 0, small, fitted(small, WINDOW), WINDOW, 1).zoom).toBe(2)
})
