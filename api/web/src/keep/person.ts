// Whose stores these are. Everything personal that the browser keeps (drafts, upload queue, recent rows, thumbnails) lies
// under the person's name, and all of it goes at sign-out or when another person comes; other tabs then begin anew.
import { PERSON_LOCK, PERSONAL, PICTURES, storeName } from './names'

export { storeName } from './names'

const LAST = 'darkroom.person'

/** Who used the browser last; null: nobody, or they signed out. */
export function lastPerson(): string | null {
  return localStorage.getItem(LAST)
}

/** This person uses the browser now; what others left is erased first. Answers whether there was somebody else. */
export async function arrive(person: string): Promise<boolean> {
  const last = lastPerson()
  const isAnother = last !== null && last !== person
  if (isAnother) await erase()
  localStorage.setItem(LAST, person)
  if ('caches' in window) await caches.open(storeName(person, PICTURES))
  tellWorker()
  return isAnother
}

/** Nothing personal stays behind. */
export async function erase(): Promise<void> {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(PERSONAL) || name === LAST) localStorage.removeItem(name)
  }
  sessionStorage.clear()
  const databases = 'indexedDB' in window ? await indexedDB.databases() : []
  await Promise.all(databases.map(({ name }) => (name?.startsWith(PERSONAL) ? deleted(name) : null)))
  // Only where the context is secure; over plain http there are no caches to erase.
  if ('caches' in window) await alone(eraseCaches)
  tellWorker()
}

/** In another tab somebody came or went: what this one shows is no longer theirs to see. */
export function beginAnewWithOthers(reload: () => void): void {
  window.addEventListener('storage', ({ key, oldValue, newValue }) => {
    if (key === LAST && oldValue !== newValue) reload()
  })
}

async function eraseCaches(): Promise<void> {
  const names = await caches.keys()
  await Promise.all(names.filter(name => name.startsWith(PERSONAL)).map(name => caches.delete(name)))
}

/** While the worker opens no cache, so that it makes none anew. */
async function alone(deed: () => Promise<void>): Promise<void> {
  if ('locks' in navigator) await navigator.locks.request(PERSON_LOCK, deed)
  else await deed()
}

function tellWorker(): void {
  if ('serviceWorker' in navigator) navigator.serviceWorker.controller?.postMessage('person')
}

function deleted(name: string): Promise<void> {
  return new Promise(resolve => {
    const asked = indexedDB.deleteDatabase(name)
    // Blocked by a connection that does not give way: the deletion happens when that closes.
    asked.onsuccess = asked.onerror = asked.onblocked = () => resolve()
  })
}
