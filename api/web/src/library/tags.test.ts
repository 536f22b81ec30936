import { expect, test } from 'vitest'
import { beginningOf, completed, suggestionsFor, tagsIn } from './tags'

const KNOWN = ['cat', 'Cathedral', 'car', 'sea']

test('what is typed behind the last comma is completed', () => {
  expect(beginningOf('sea, ca')).toBe('ca')
  expect(suggestionsFor('sea, ca', KNOWN)).toEqual(['cat', 'Cathedral', 'car'])
  expect(suggestionsFor('CATH', KNOWN)).toEqual(['Cathedral'])
})

test('what is written already, and nothing at all, suggest nothing', () => {
  expect(suggestionsFor('cat', KNOWN)).toEqual(['Cathedral'])
  expect(suggestionsFor('cat, ', KNOWN)).toEqual([])
  expect(suggestionsFor('', KNOWN)).toEqual([])
})

test('a completed tag stands in the place of its beginning, and another can follow', () => {
  expect(completed('ca', 'cat')).toBe('cat, ')
  expect(completed('sea,ca', 'cat')).toBe('sea, cat, ')
  expect(tagsIn(completed('sea, ca', 'cat'))).toEqual(['sea', 'cat'])
})
