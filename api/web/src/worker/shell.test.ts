import { createHash } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { Shell, type ShellFile } from './shell'

const HERE = 'https://rack.example'
const BASE = '/ui/'
/** What the server has, by path. */
let server: Record<string, string>
let caches: ReturnType<typeof cachesOf>

const get = (async (asked: Request | string) => {
  const { pathname } = new URL(typeof asked === 'string' ? asked : asked.url, HERE)
  const text = server[pathname] ?? (pathname.includes('.') ? undefined : server[`${BASE}index.html`])
  return text === undefined ? new Response('', { status: 404 }) : new Response(text)
}) as typeof fetch

/** As the browser's, as far as the shell asks: by name, then by address. */
function cachesOf() {
  const all = new Map<string, Map<string, Response>>()
  return {
    all,
    open: async (name: string) => {
      const cache = all.get(name) ?? new Map<string, Response>()
      all.set(name, cache)
      return { put: async (address: string, answer: Response) => void cache.set(address, answer) }
    },
    delete: async (name: string) => all.delete(name),
    keys: async () => [...all.keys()],
    match: async (address: string, { cacheName }: { cacheName: string }) => all.get(cacheName)?.get(address)?.clone(),
  }
}

function built(...paths: string[]): ShellFile[] {
  return paths.map(path => ({
    path,
    sha256: createHash('sha256')
      .update(server[BASE + path] ?? '')
      .digest('hex'),
  }))
}

const shellOf = (revision: string, files: ShellFile[]) =>
  new Shell(caches as unknown as CacheStorage, BASE, revision, files, get)

const text = async (answer: Promise<Response>) => await (await answer).text()

beforeEach(() => {
  server = { [`${BASE}index.html`]: 'index 1', [`${BASE}assets/app-1.js`]: 'app 1' }
  caches = cachesOf()
})

test('a revision that is installed is whole, whatever the server has afterwards', async () => {
  const shell = shellOf('1', built('index.html', 'assets/app-1.js'))
  await shell.install()
  server = { [`${BASE}index.html`]: 'index 2' }

  expect(await text(shell.screen(new Request(`${HERE}${BASE}gallery`)))).toBe('index 1')
  expect(await text(shell.screen(new Request(`${HERE}${BASE}rack?x=1`)))).toBe('index 1')
})

test.each([
  ['is gone', undefined],
  ['is of another build', 'app 2'],
])('a file that %s meanwhile leaves nothing of the revision', async (_, now) => {
  const shell = shellOf('1', built('index.html', 'assets/app-1.js'))
  if (now === undefined) delete server[`${BASE}assets/app-1.js`]
  else server[`${BASE}assets/app-1.js`] = now

  await expect(shell.install()).rejects.toThrow('assets/app-1.js')

  expect([...caches.all.keys()]).toEqual([])
})

test('the caches of other revisions go, and what is a person’s stays', async () => {
  await shellOf('1', built('index.html')).install()
  await caches.open('darkroom/ada/pictures')
  const next = shellOf('2', built('index.html'))
  await next.install()

  await next.prune()

  expect([...caches.all.keys()]).toEqual(['darkroom/ada/pictures', 'darkroom-shell/2'])
})

test('a revision that lost a file which the server has no longer is thrown away', async () => {
  const shell = shellOf('1', built('index.html', 'assets/app-1.js'))
  await shell.install()
  caches.all.get('darkroom-shell/1')?.delete(`${BASE}assets/app-1.js`)
  server = { [`${BASE}index.html`]: 'index 2' }

  await shell.part(new Request(`${HERE}${BASE}assets/app-1.js`))

  expect(await text(shell.screen(new Request(`${HERE}${BASE}gallery`)))).toBe('index 2')
})
