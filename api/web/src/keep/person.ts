// Whose stores these are. Everything personal that the browser keeps (drafts, upload queue, recent rows, thumbnails) lies
// under the person's name, and all of it goes at sign-out or when another person comes.
//
// Names: IndexedDB databases and caches `darkroom/<person>/<what>`, entries of localStorage the same.
const PREFIX = 'darkroom/'
const LAST = 'darkroom.person'

/** Name of a store of this person. Pure. */
export function storeName(person: string, what: string): string {
  return `${PREFIX}${encodeURIComponent(person)}/${what}`
}

/** This person uses the browser now; what others left is erased first. Answers whether there was another. */
export async function arrive(person: string): Promise<boolean> {
  const last = localStorage.getItem(LAST)
  const isOther = last !== null && last !== person
  if (isOther) await erase()
  localStorage.setItem(LAST, person)
  return isOther
}

/** Tell when in another tab another person comes, or this one leaves. */
export function onOther(tell: () => void): void {
  window.addEventListener('storage', ({ key, oldValue, newValue }) => {
    if (key === LAST && oldValue !== null && oldValue !== newValue) tell()
  })
}

/** Nothing personal stays behind. */
export async function erase(): Promise<void> {
  for (const name of Object.keys(localStorage)) {
    if (name.startsWith(PREFIX) || name === LAST) localStorage.removeItem(name)
  }
  sessionStorage.clear()
  const databases = 'indexedDB' in window ? await indexedDB.databases() : []
  await Promise.all(databases.map(({ name }) => (name?.startsWith(PREFIX) ? deleted(name) : null)))
  // Only where the context is secure; over plain http there are no caches to erase.
  if ('caches' in window) {
    const names = await caches.keys()
    await Promise.all(names.filter(name => name.startsWith(PREFIX)).map(name => caches.delete(name)))
  }
}

function deleted(name: string): Promise<void> {
  return new Promise(resolve => {
    const asked = indexedDB.deleteDatabase(name)
    // Blocked by a connection of another tab: the deletion happens when that closes.
    asked.onsuccess = asked.onerror = asked.onblocked = () => resolve()
  })
}
