import { expect, test } from 'vitest'
import type { Job } from '~/jobs/feed'
import { energyOf, joulesIn } from './energy'

const job = (worker: string, result: Record<string, unknown> | null) => ({ worker, result }) as Job

test("a card's energy is the mean of its own jobs that say so", () => {
  const jobs = [
    job('gpu0', { energy_per_picture_j: 400 }),
    job('gpu0', { energy_per_picture_j: 600 }),
    job('gpu0', { images: [] }),
    job('gpu0', null),
    job('gpu1', { energy_per_picture_j: 9000 }),
  ]

  expect(energyOf(jobs, 'gpu0')).toBe(500)
})

test('a card that counts nothing has no energy, not zero', () => {
  expect(energyOf([job('cpu', { images: [] })], 'cpu')).toBeNull()
  expect(joulesIn({ energy_per_picture_j: 'much' })).toBeNull()
  expect(joulesIn(undefined)).toBeNull()
})
