import { expect, test } from 'vitest'
import type { Schemas } from '~/api/client'
import { arrive, erase } from './person'
import { isLeaving, keepSession, keptSession, setLeaving } from './session'

const ADA = { person: 'ada', role: 'user', session: null, sessions: [] } as unknown as Schemas['SessionState']

test('whoever was let in is known again while the rack is away', async () => {
  await arrive('ada')
  keepSession(ADA)

  expect(keptSession()).toEqual(ADA)
})

test('after a sign-out, and for another person, nobody is known', async () => {
  await arrive('ada')
  keepSession(ADA)
  await arrive('bob')
  expect(keptSession()).toBeNull()

  keepSession({ ...ADA, person: 'bob' })
  await erase()
  expect(keptSession()).toBeNull()
})

test('an entry that somebody broke is none', async () => {
  await arrive('ada')
  localStorage.setItem('darkroom/ada/session', '{')

  expect(keptSession()).toBeNull()
})

test('a sign-out that the rack has not heard of outlives the erasure', async () => {
  setLeaving(true)
  await erase()
  expect(isLeaving()).toBe(true)

  setLeaving(false)
  expect(isLeaving()).toBe(false)
})
