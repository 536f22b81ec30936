import { beforeEach, expect, test } from 'vitest'
import { SeenPictures } from './pictures'

const HERE = 'https://rack.example'
const LIST = `${HERE}/ui/kept.json`
const address = (name: string) => `${HERE}/v1/images/${name}?width=320`

const bare = (url: string) => url.split('?')[0]

let caches: ReturnType<typeof cachesOf>
let isAway: boolean
/** Bytes of each picture. */
let size: number

/** As the browser's, as far as is asked here. A cache that was deleted goes on working for whoever has it open. */
function cachesOf() {
  const all = new Map<string, Map<string, Response>>()
  return {
    all,
    keys: async () => [...all.keys()],
    delete: async (name: string) => all.delete(name),
    open: async (name: string) => {
      const cache = all.get(name) ?? new Map<string, Response>()
      all.set(name, cache)
      return {
        match: async (asked: string, { ignoreSearch = false } = {}) =>
          [...cache].find(([at]) => at === asked || (ignoreSearch && bare(at) === bare(asked)))?.[1].clone(),
        put: async (asked: string, answer: Response) => void cache.set(asked, answer),
        delete: async (asked: string) => cache.delete(asked),
        keys: async () => [...cache.keys()].map(url => ({ url })),
      }
    },
  }
}

const locks = { request: async (_name: string, _how: object, deed: () => unknown) => await deed() }

const get = (async () => {
  if (isAway) throw new TypeError('no line')
  return new Response('x'.repeat(size), { headers: { 'Content-Type': 'image/webp' } })
}) as typeof fetch

const seenBy = (count = 10) =>
  new SeenPictures(caches as unknown as CacheStorage, locks as unknown as LockManager, LIST, { count, bytes: 1000 }, 0)

async function look(pictures: SeenPictures, ...names: string[]): Promise<void> {
  const work: Promise<void>[] = []
  for (const name of names) await pictures.answer(new Request(address(name)), each => work.push(each), get)
  await Promise.all(work)
}

const keptOf = (person: string) => [...(caches.all.get(`darkroom/${person}/pictures`)?.keys() ?? [])].sort()

beforeEach(async () => {
  caches = cachesOf()
  isAway = false
  size = 10
  await caches.open('darkroom/ada/pictures')
})

test('what was seen is there without a line, and what was not is not', async () => {
  await look(seenBy(), 'a')
  isAway = true
  const woken = seenBy()

  expect(await (await woken.answer(new Request(address('a')), () => undefined, get)).text()).toBe('x'.repeat(10))
  await expect(woken.answer(new Request(address('b')), () => undefined, get)).rejects.toThrow('no line')
})

test('where this size was never seen another one is shown; whole pictures are never kept', async () => {
  const pictures = seenBy()
  await look(pictures, 'a')
  await pictures.answer(new Request(`${HERE}/v1/images/b`), () => undefined, get)
  isAway = true

  const larger = pictures.answer(new Request(`${HERE}/v1/images/a?width=640`), () => undefined, get)
  expect((await larger).headers.get('Content-Type')).toBe('image/webp')
  expect(keptOf('ada')).toEqual([LIST, address('a')].sort())
})

test('no more are kept than there is room for, across the worker’s own restarts', async () => {
  await look(seenBy(2), 'a', 'b')
  await look(seenBy(2), 'c')

  expect(keptOf('ada')).toEqual([LIST, address('b'), address('c')].sort())
})

test('no more bytes are kept than there is room for', async () => {
  size = 400
  await look(seenBy(), 'a', 'b', 'c')

  expect(keptOf('ada')).toEqual([LIST, address('b'), address('c')].sort())
})

test('a picture that no list has, because the worker was ended meanwhile, goes', async () => {
  await look(seenBy(), 'a')
  await (await caches.open('darkroom/ada/pictures')).put(address('stray'), new Response('x'))

  await look(seenBy(), 'b')

  expect(keptOf('ada')).toEqual([LIST, address('a'), address('b')].sort())
})

test('nobody is here: nothing is kept', async () => {
  caches.all.clear()

  await look(seenBy(), 'a')

  expect(caches.all.size).toBe(0)
})

test('what was asked for one person never reaches another', async () => {
  const pictures = seenBy()
  await look(pictures, 'before')
  const work: Promise<void>[] = []
  await pictures.answer(new Request(address('late')), each => work.push(each), get)
  await caches.delete('darkroom/ada/pictures')
  await caches.open('darkroom/bob/pictures')
  pictures.forget()
  await Promise.all(work)

  await look(pictures, 'his')

  expect([...caches.all.keys()]).toEqual(['darkroom/bob/pictures'])
  expect(keptOf('bob')).toEqual([LIST, address('his')].sort())
})
