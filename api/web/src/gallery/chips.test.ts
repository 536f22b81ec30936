import { expect, test } from 'vitest'
import { chipsOf, isRanked, term, toggledTerm, withoutChip, withTerm } from './chips'

const texts = (box: string) => chipsOf(box).map(chip => chip.text)

test('a box is its terms, as the API cuts them', () => {
  expect(texts('cats "red door" -snow model:sdxl tag:cat,dog stars:>=4 album:"My trip" paint*')).toEqual([
    'cats',
    '"red door"',
    '-snow',
    'model:sdxl',
    'tag:cat,dog',
    'stars:>=4',
    'album:"My trip"',
    'paint*',
  ])
})

test('a term tells its name, its value and whether it is turned round', () => {
  expect(chipsOf('-tag:"red door"')[0]).toMatchObject({ name: 'tag', value: 'red door', isNegated: true, at: 0 })
  expect(chipsOf(' 16:9')[0]).toMatchObject({ name: null, value: '16:9', isNegated: false, at: 1 })
})

test('what cannot be read is one chip and no error', () => {
  expect(texts('a "never closed b')).toEqual(['a', '"never closed b'])
  expect(texts('- & "" :')).toEqual(['-', '&', '""', ':'])
  expect(texts('   ')).toEqual([])
})

test('a chip is taken out of the box, the rest stays as it was typed', () => {
  const box = 'cats  model:sdxl   "red  door"'

  expect(withoutChip(box, chipsOf(box)[1] as never)).toBe('cats "red  door"')
  expect(withoutChip('cats', chipsOf('cats')[0] as never)).toBe('')
})

test('a value with a space or a comma is quoted, and a quote in it cannot end it', () => {
  expect(term('tag', 'cat')).toBe('tag:cat')
  expect(term('tag', 'red door')).toBe('tag:"red door"')
  expect(term('tag', 'a" is:trashed "b')).toBe('tag:"a  is:trashed  b"')
  expect(texts(term('tag', 'a,b'))).toEqual(['tag:"a,b"'])
})

test('a term is added once and toggled away', () => {
  expect(withTerm('cats', 'is:favourite')).toBe('cats is:favourite')
  expect(withTerm('cats IS:favourite', 'is:favourite')).toBe('cats IS:favourite')
  expect(toggledTerm('cats is:favourite', 'is:favourite')).toBe('cats')
})

test('words and likeness have an order of their own, a filter has none', () => {
  expect(isRanked('model:sdxl is:favourite')).toBe(false)
  expect(isRanked('model:sdxl cats')).toBe(true)
  expect(isRanked('like:ast_000000000000000000000001')).toBe(true)
})
