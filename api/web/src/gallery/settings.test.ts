import { renderHook } from '@testing-library/react'
import { beforeEach, expect, test } from 'vitest'
import { BLURS, careOf, NEVER_BLUR, toggleRevealed, useGallerySettings, useIsBlurred, useRevealed } from './settings'

beforeEach(() => {
  useGallerySettings.setState({ blurFrom: BLURS.usual })
  useRevealed.setState({ ids: new Set() })
})

function isBlurred(id: string, nsfw: number | null): boolean {
  return renderHook(() => useIsBlurred(id, nsfw)).result.current
}

test('a picture is blurred from the likelihood on that somebody set', () => {
  expect([isBlurred('a', 0.49), isBlurred('a', 0.5), isBlurred('a', null)]).toEqual([false, true, false])

  useGallerySettings.setState({ blurFrom: BLURS.careful })

  expect(isBlurred('a', 0.2)).toBe(true)
})

test('one picture is revealed and blurred again; the others stay as they are', () => {
  toggleRevealed('a')

  expect([isBlurred('a', 0.9), isBlurred('b', 0.9)]).toEqual([false, true])

  toggleRevealed('a')

  expect(isBlurred('a', 0.9)).toBe(true)
})

test('who wants nothing blurred sees even what is surely unsafe', () => {
  useGallerySettings.setState({ blurFrom: NEVER_BLUR })

  expect(isBlurred('a', 1)).toBe(false)
  expect(careOf(NEVER_BLUR)).toBeNull()
})

test('a number from an older page is the nearest care', () => {
  expect([careOf(0.1), careOf(0.45), careOf(1)]).toEqual(['careful', 'usual', 'sure'])
})
