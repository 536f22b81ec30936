// Where one is: the address below /ui/, as a store. `navigate` changes it, `useAddress` follows it, `match` reads it.
// Thirty lines instead of a library: the page has a dozen routes and no nesting.
import { useSyncExternalStore } from 'react'

const BASE = import.meta.env.BASE_URL.replace(/\/$/, '')

export interface Address {
  /** Without the base, beginning with a slash. */
  path: string
  query: URLSearchParams
}

/** Every address of the page; screens link through these and nothing else. */
export const to = {
  studio: () => '/',
  gallery: (query = '') => `/gallery${query && `?${query}`}`,
  viewer: (id: string) => `/picture/${encodeURIComponent(id)}`,
  albums: () => '/albums',
  album: (id: string) => `/albums/${encodeURIComponent(id)}`,
  trash: () => '/trash',
  duplicates: () => '/duplicates',
  rack: () => '/rack',
  settings: () => '/settings',
  edit: (id: string) => `/edit/${encodeURIComponent(id)}`,
}

let current = read()
const listeners = new Set<() => void>()

window.addEventListener('popstate', changed)

/** The address in the browser's bar for a path of the page. */
export function hrefOf(path: string): string {
  return BASE + path
}

export function navigate(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(history.state, '', hrefOf(path))
  else history.pushState({ from: current.path + location.search }, '', hrefOf(path))
  changed()
}

/** The path from which one came to this address by a link of the page; null: from elsewhere. */
export function cameFrom(): string | null {
  return (history.state as { from?: string } | null)?.from ?? null
}

export function useAddress(): Address {
  return useSyncExternalStore(listen, () => current)
}

/** Where the page is at this moment. */
export function addressNow(): Address {
  return current
}

/** Values of a pattern's `:names` where the path fits it, else null. Pure. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const found: Record<string, string> = {}
  for (const [at, part] of wanted.entries()) {
    const value = given[at] ?? ''
    if (!part.startsWith(':')) {
      if (part !== value) return null
    } else {
      const decoded = unescaped(value)
      if (!decoded) return null
      found[part.slice(1)] = decoded
    }
  }
  return found
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return '' // a lone % in an address somebody typed
  }
}

function read(): Address {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : location.pathname
  return { path: path === '' ? '/' : path, query: new URLSearchParams(location.search) }
}

function changed(): void {
  current = read()
  for (const tell of listeners) tell()
}

function listen(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}
