import { expect, test } from 'vitest'
import { en } from '~/strings/words'
import { titleOf } from './title'

test('the tab says which screen it shows, and how many jobs are open', () => {
  expect(titleOf('/', 0, en)).toBe('Studio · Darkroom')
  expect(titleOf('/gallery', 3, en)).toBe('(3) Gallery · Darkroom')
  expect(titleOf('/albums/alb_1', 0, en)).toBe('Albums · Darkroom')
  expect(titleOf('/picture/ast_1', 1, en)).toBe('(1) Viewer · Darkroom')
})

test('an address without a screen is only Darkroom', () => {
  expect(titleOf('/nowhere', 0, en)).toBe('Darkroom')
})
