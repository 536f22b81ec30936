import { expect, test } from 'vitest'
import { type Job, merged } from './feed'
import { hasEnded } from './useArrivals'

const EMPTY = { jobs: {}, order: [], previews: {}, away: {} }
const job = (id: string, state: string) => ({ id, kind: 'generate', state, created_at: '2026-11-26T10:00:00Z' }) as Job
const running = merged(EMPTY, [job('a', 'running')])

test('an end is seen once: when it comes', () => {
  const ended = merged(running, [job('a', 'succeeded')])

  expect(hasEnded(ended, running)).toBe(true)
  expect(hasEnded(merged(ended, [job('a', 'succeeded')]), ended)).toBe(false)
})

test('a job that ended between two looks counts; what a fresh page finds does not', () => {
  expect(hasEnded(merged(running, [job('b', 'succeeded')]), running)).toBe(true)
  expect(hasEnded(merged(EMPTY, [job('b', 'succeeded')]), EMPTY)).toBe(false)
})

test('a job that goes on has not ended', () => {
  expect(hasEnded(merged(running, [job('a', 'running'), job('c', 'queued')]), running)).toBe(false)
})
