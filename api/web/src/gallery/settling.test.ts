import { expect, test } from 'vitest'
import { type Row, RowStore } from './rows'
import { pauseAfter } from './settling'

const row = (id: string, analysis: Row['analysis']) => ({ id, analysis }) as Row

test('news are looked for soon again, no news ever more rarely', () => {
  const pauses = [4000]
  for (let at = 0; at < 8; at += 1) pauses.push(pauseAfter(pauses.at(-1) as number, false))

  expect(pauses).toEqual([4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000, 120_000, 120_000])
  expect(pauseAfter(120_000, true)).toBe(4000)
})

test('only what is shown and still being described is asked again', () => {
  const store = new RowStore(async () => [])
  store.put([row('a', 'waiting'), row('b', 'done'), row('c', 'running'), row('d', 'failed')])
  for (const id of ['a', 'b', 'd']) store.listen(id, () => undefined)

  expect(store.unsettled().map(({ id }) => id)).toEqual(['a'])
})
