import { expect, test } from 'vitest'
import { isPicture } from './isPicture'
import { leftS, type Sample, sampled, speedOf } from './speed'
import { nextOf } from './state'

const MIB = 1024 * 1024
const file = (size: number, album = '') => ({ file: { size }, album })

test('a request has a few files and not too many bytes, but always one', () => {
  expect(nextOf(Array.from({ length: 20 }, () => file(1)))).toHaveLength(8)
  expect(nextOf([file(20 * MIB), file(5 * MIB), file(1)])).toHaveLength(1)
  expect(nextOf([file(90 * MIB), file(1)])).toHaveLength(1)
  expect(nextOf([])).toEqual([])
})

test('files of another album go in another request', () => {
  expect(nextOf([file(1, 'a'), file(1, 'a'), file(1, 'b')])).toHaveLength(2)
})

test('the speed is that of the last seconds, and too early there is none', () => {
  let samples: Sample[] = []
  samples = sampled(samples, [0, 0])
  expect(speedOf(samples)).toBeNull()
  samples = sampled(samples, [1000, 1000])
  expect(speedOf(samples)).toBe(1000)
  samples = sampled(samples, [9500, 1000])
  samples = sampled(samples, [10_500, 5000])
  expect(speedOf(samples)).toBe(4000)
  expect(leftS(samples, 8000)).toBe(2)
})

test('a stalled upload tells no time', () => {
  expect(
    leftS(
      [
        [0, 50],
        [2000, 50],
      ],
      100,
    ),
  ).toBeNull()
})

test('pictures are sent, other files are not', () => {
  expect(isPicture({ type: 'image/png', name: 'a' })).toBe(true)
  expect(isPicture({ type: '', name: 'IMG.HEIC' })).toBe(true)
  expect(isPicture({ type: 'text/plain', name: 'a.png' })).toBe(false)
  expect(isPicture({ type: '', name: 'notes.txt' })).toBe(false)
})
