import { expect, test } from 'vitest'
import { archivesOf } from './download'

function filterIn(address: string): { ids?: string[]; scope?: string } {
  const url = new URL(address, 'http://rack')
  expect(url.pathname).toBe('/v1/assets/export')
  return JSON.parse(url.searchParams.get('filter') ?? '')
}

const ids = (count: number) => Array.from({ length: count }, (_, at) => `ast_${String(at).padStart(24, '0')}`)

test('pictures chosen by name are one archive, those of others too', () => {
  const [only, ...more] = archivesOf({ ids: ids(3) })

  expect(filterIn(only as string)).toEqual({ ids: ids(3), scope: 'all' })
  expect(more).toEqual([])
})

test('everything that a filter finds is one archive, however much it is', () => {
  expect(archivesOf({ filter: { tags: ['cat'] } }).map(filterIn)).toEqual([{ tags: ['cat'] }])
})

test('more names than an address may have become several archives, none left out', () => {
  const parts = archivesOf({ ids: ids(1201) }).map(filterIn)

  expect(parts.map(part => part.ids?.length)).toEqual([500, 500, 201])
  expect(parts.flatMap(part => part.ids)).toEqual(ids(1201))
  expect(Math.max(...parts.map(part => JSON.stringify(part).length))).toBeLessThan(20_000)
})
