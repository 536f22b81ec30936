import { expect, test } from 'vitest'
import { arrive, erase, storeName } from './person'

test('what one person left is gone when another comes', async () => {
  await arrive('ada')
  localStorage.setItem(storeName('ada', 'draft'), 'a secret')

  await arrive('bob')

  expect(JSON.stringify({ ...localStorage })).not.toContain('secret')
})

test('the same person finds it again', async () => {
  await arrive('ada')
  localStorage.setItem(storeName('ada', 'draft'), 'a lamp')

  await arrive('ada')

  expect(localStorage.getItem(storeName('ada', 'draft'))).toBe('a lamp')
})

test('a sign-out leaves the look of the page and nothing personal', async () => {
  await arrive('ada')
  localStorage.setItem(storeName('ada', 'draft'), 'a secret')
  localStorage.setItem('darkroom.look', '{}')

  await erase()

  expect(Object.keys(localStorage)).toEqual(['darkroom.look'])
})
