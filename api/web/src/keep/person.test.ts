import { expect, test } from 'vitest'
import { arrive, beginAnewWithOthers, erase, storeName } from './person'

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

test('whoever comes is told whether somebody else was here', async () => {
  expect(await arrive('ada')).toBe(false)
  expect(await arrive('ada')).toBe(false)
  expect(await arrive('bob')).toBe(true)
})

test('a tab begins anew when somebody comes or goes in another, and for nothing else', () => {
  let reloads = 0
  beginAnewWithOthers(() => {
    reloads += 1
  })
  const told = (key: string, oldValue: string | null, newValue: string | null) =>
    window.dispatchEvent(new StorageEvent('storage', { key, oldValue, newValue }))

  told('darkroom.look', 'a', 'b')
  told('darkroom.person', 'ada', 'ada')
  expect(reloads).toBe(0)
  told('darkroom.person', 'ada', null)
  told('darkroom.person', null, 'bob')
  expect(reloads).toBe(2)
})
