import { afterEach, expect, test, vi } from 'vitest'
import { type Row, RowStore } from './rows'

afterEach(() => vi.useRealTimers())

const row = (id: string, more: Partial<Row> = {}) => ({ id, stars: 0, version: 1, ...more }) as Row

function storeOf() {
  const asked: [string[], boolean][] = []
  const store = new RowStore(async (ids, trashed) => {
    asked.push([ids, trashed])
    return ids.map(id => row(id))
  })
  return { store, asked }
}

test('tiles that come into sight together are asked for in one question', async () => {
  vi.useFakeTimers()
  const { store, asked } = storeOf()

  for (const id of ['a', 'b', 'c', 'a']) store.want(id, false)
  store.want('t', true)
  await vi.runAllTimersAsync()

  expect(asked).toEqual([
    [['a', 'b', 'c'], false],
    [['t'], true],
  ])
  expect(store.peek('b')?.id).toBe('b')
})

test('what was scrolled past is not asked for, and what is here is not asked for again', async () => {
  vi.useFakeTimers()
  const { store, asked } = storeOf()
  store.put([row('here')])

  store.want('here', false)
  store.want('past', false)
  store.unwant('past')
  await vi.runAllTimersAsync()

  expect(asked).toEqual([])
})

test('a change is shown at once to whoever shows the row, and asked again only for what is shown', async () => {
  const { store, asked } = storeOf()
  const told = vi.fn()
  store.put([row('shown'), row('hidden')])
  store.listen('shown', told)

  store.change(['shown', 'unknown'], { stars: 4 })
  expect(store.peek('shown')?.stars).toBe(4)
  expect(told).toHaveBeenCalledTimes(1)

  await store.again('all')
  expect(asked).toEqual([[['shown'], false]])
  expect(store.peek('hidden')).toBeUndefined()
  expect(store.peek('shown')?.stars).toBe(0)
})

test('a question that fails is asked again when the tile comes back', async () => {
  vi.useFakeTimers()
  let fails = true
  const store = new RowStore(async ids => {
    if (fails) throw new Error('away')
    return ids.map(id => row(id))
  })

  store.want('a', false)
  await vi.runAllTimersAsync()
  fails = false
  store.want('a', false)
  await vi.runAllTimersAsync()

  expect(store.peek('a')?.id).toBe('a')
})

test('a row of an earlier visit stands in until the API says how it is now', async () => {
  vi.useFakeTimers()
  const { store, asked } = storeOf()
  store.stand([row('a', { stars: 5 })])
  expect(store.peek('a')?.stars).toBe(5)

  store.want('a', false)
  await vi.runAllTimersAsync()

  expect(asked).toEqual([[['a'], false]])
  expect(store.peek('a')?.stars).toBe(0)
})

test('what could not be had is asked for when the API is back, if it is still shown', async () => {
  vi.useFakeTimers()
  const asked: [string[], boolean][] = []
  const store = new RowStore(async (ids, trashed) => {
    asked.push([ids, trashed])
    throw new Error('away')
  })
  store.listen('shown', () => undefined)
  for (const id of ['shown', 'passed']) store.want(id, true)
  await vi.runAllTimersAsync()

  store.recover()
  await vi.runAllTimersAsync()

  expect(asked.at(-1)).toEqual([['shown'], true])
})

test('whoever keeps rows is told of each that comes', () => {
  const { store } = storeOf()
  const kept: string[] = []
  store.onPut = rows => kept.push(...rows.map(each => each.id))

  store.put([row('a'), row('b')])

  expect(kept).toEqual(['a', 'b'])
})
