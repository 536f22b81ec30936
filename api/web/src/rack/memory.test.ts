import { expect, test } from 'vitest'
import { joulePerPicture, partsOf, waitingBy } from './memory'

const gpu = (used: number | null, total = 10_000) => ({ used_mib: used, total_mib: total }) as never
const resident = (model: string, held_mib: number) => ({ model, held_mib }) as never

test('models, work, others and what is free make up the card', () => {
  const parts = partsOf({ resident: [resident('sdxl', 6000)], held_mib: 7000, gpu: gpu(8000) })

  expect(parts.map(({ kind, mib }) => [kind, mib])).toEqual([
    ['model', 6000],
    ['work', 1000],
    ['others', 1000],
    ['free', 2000],
  ])
  expect(parts.reduce((sum, part) => sum + part.share, 0)).toBeCloseTo(1)
})

test('a card that tells nothing of its use shows what the worker holds', () => {
  expect(partsOf({ resident: [], held_mib: 0, gpu: gpu(null) })).toEqual([
    { kind: 'free', name: '', mib: 10_000, share: 1 },
  ])
})

test('more held than there is does not break the bar', () => {
  const parts = partsOf({ resident: [resident('a', 12_000)], held_mib: 12_000, gpu: gpu(9000) })

  expect(parts).toEqual([{ kind: 'model', name: 'a', mib: 12_000, share: 1 }])
  expect(partsOf({ resident: [], held_mib: 0, gpu: gpu(null, 0) })).toEqual([])
})

test('what waits is told by model, whatever its urgency', () => {
  expect(waitingBy({ 'sdxl.normal': 2, 'sdxl.high': 1, 'a.b.low': 3, 'sd15.low': 0 })).toEqual({ sdxl: 3, 'a.b': 3 })
})

test('energy for a picture counts idle minutes too, and is not told where nothing was made or measured', () => {
  expect(joulePerPicture([100, 300, null], [0, 4, 9])).toBe(6000)
  expect(joulePerPicture([100], [0])).toBeNull()
  expect(joulePerPicture([null], [4])).toBeNull()
})
