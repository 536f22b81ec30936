import { expect, test } from 'vitest'
import { addressOf, askedOf, boxed, keyOf, questionOf } from './question'

const of = (text: string, fixed = {}) => questionOf(new URLSearchParams(text), fixed)

test('words are ranked unless one asks for the newest; a filter alone is always months', () => {
  expect(of('q=cats').sort).toBe('relevance')
  expect(of('q=cats&sort=newest').sort).toBe('newest')
  expect(of('q=model:sdxl').sort).toBe('newest')
})

test('words that are typed are ranked, whatever was looked at before; who chose months keeps them', () => {
  expect(addressOf(boxed(of(''), 'cats'))).toBe('q=cats')
  expect(addressOf(boxed(of('q=model:sdxl'), 'model:sdxl cats'))).toBe('q=model%3Asdxl+cats')
  expect(addressOf(boxed(of('q=cats&sort=newest'), 'cats dogs'))).toBe('q=cats+dogs&sort=newest')
  expect(boxed(of('q=cats'), '').sort).toBe('newest')
  expect(boxed(of('', { album: 'alb_1' }), 'cats').sort).toBe('album')
})

test('an album has its own order until one asks for months', () => {
  expect(of('', { album: 'alb_1' }).sort).toBe('album')
  expect(of('sort=newest', { album: 'alb_1' }).sort).toBe('newest')
})

test('an address says the question and nothing of what its screen fixes', () => {
  const question = of('q=cats&sort=newest&stacks=1', { trashed: true })

  expect(addressOf(question)).toBe('q=cats&sort=newest&stacks=1')
  expect(questionOf(new URLSearchParams(addressOf(question)), { trashed: true })).toEqual(question)
})

test('the API is asked only what is said', () => {
  expect(askedOf(of(''))).toEqual({})
  expect(askedOf(of('q= cats &stacks=1', { trashed: true, album: 'alb_1' }))).toEqual({
    q: 'cats',
    album: 'alb_1',
    trashed: true,
    stacked: true,
  })
})

test('spaces around a box make no other question', () => {
  expect(keyOf(of('q=cats '))).toBe(keyOf(of('q=cats')))
  expect(keyOf(of('q=cats'))).not.toBe(keyOf(of('q=cats', { trashed: true })))
})
