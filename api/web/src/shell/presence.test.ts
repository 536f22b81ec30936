import { expect, test, vi } from 'vitest'
import { isHere, onComing } from './presence'

test('somebody is here from the first sign of a hand until long after the last, and coming is told once', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(1000)
  const came = vi.fn()
  onComing(came)
  expect(isHere()).toBe(false)

  window.dispatchEvent(new Event('keydown'))
  window.dispatchEvent(new Event('pointermove'))
  expect(isHere()).toBe(true)
  now.mockReturnValue(200_000)
  expect(isHere()).toBe(false)
  window.dispatchEvent(new Event('wheel'))

  expect(came).toHaveBeenCalledTimes(2)
  expect(isHere()).toBe(true)
})
