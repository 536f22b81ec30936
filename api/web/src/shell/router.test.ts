import { expect, test } from 'vitest'
import { match, to } from './router'

test('a pattern gives the values of its names', () => {
  expect(match('/picture/:id', '/picture/img_1')).toEqual({ id: 'img_1' })
  expect(match('/picture/:id', '/picture')).toBeNull()
  expect(match('/picture/:id', '/picture/')).toBeNull()
  expect(match('/', '/')).toEqual({})
})

test('an address somebody broke is no screen instead of an error', () => {
  expect(match('/picture/:id', '/picture/%')).toBeNull()
})

test('a hostile id stays one part of the address', () => {
  expect(match('/picture/:id', to.viewer('a/../b?c#d'))).toEqual({ id: 'a/../b?c#d' })
})
