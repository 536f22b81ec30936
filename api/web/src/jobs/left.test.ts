import { renderHook } from '@testing-library/react'
import { expect, test, vi } from 'vitest'
import type { Job } from './feed'
import { leftS, useLeft } from './left'

test('what is left takes as long as what was seen', () => {
  expect(leftS({ atMs: 1000, percent: 10 }, { atMs: 5000, percent: 30 })).toBe(14)
  expect(leftS({ atMs: 0, percent: 50 }, { atMs: 9000, percent: 100 })).toBe(0)
})

test('a look too short says nothing', () => {
  expect(leftS({ atMs: 1000, percent: 10 }, { atMs: 1000, percent: 10 })).toBeNull()
  expect(leftS({ atMs: 1000, percent: 10 }, { atMs: 1600, percent: 12 })).toBeNull()
})

test('a job that was paused begins to be watched anew', () => {
  const clock = vi.spyOn(performance, 'now')
  const job = (phase: string, percent: number) => ({ state: 'running', progress: { phase, percent } }) as Job
  clock.mockReturnValue(0)
  const { result, rerender } = renderHook(useLeft, { initialProps: job('running', 10) })
  clock.mockReturnValue(1000)
  rerender(job('running', 20))
  expect(result.current).toBe(8)

  rerender(job('paused', 20))
  expect(result.current).toBeNull()
  clock.mockReturnValue(60_000)
  rerender(job('running', 21))
  expect(result.current).toBeNull()
  clock.mockRestore()
})
