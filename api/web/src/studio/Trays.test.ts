import { expect, test } from 'vitest'
import type { Job } from '~/jobs/feed'
import { inOrder } from './Trays'

const job = (id: string, state: string) => ({ id, state }) as Job

test('what runs stands first, then what waits as it comes, then what failed', () => {
  const newestFirst = [
    job('e', 'queued'),
    job('d', 'failed'),
    job('c', 'queued'),
    job('b', 'running'),
    job('a', 'waiting'),
  ]

  expect(inOrder(newestFirst).map(({ id }) => id)).toEqual(['b', 'a', 'c', 'e', 'd'])
})
