// How what the browser keeps is named. Page and service worker share these names, so nothing here touches a store. Pure.
//
// What is a person's: `darkroom/<person>/<what>`, for IndexedDB databases, caches and entries of localStorage alike.
// What is nobody's, the files of the page itself: `darkroom-shell/<revision>`.

/** What begins so goes at sign-out. */
export const PERSONAL = 'darkroom/'
export const SHELL = 'darkroom-shell/'
/** The lock that whoever erases has alone; whoever opens a cache of a person shares it. */
export const PERSON_LOCK = 'darkroom.person'
/** Cache of the smaller pictures that somebody saw. The page makes it; the worker only uses one that is there. */
export const PICTURES = 'pictures'
/** Database of files on their way into the library. */
export const UPLOADS = 'uploads'

/** Name of a store of this person. */
export function storeName(person: string, what: string): string {
  return `${PERSONAL}${encodeURIComponent(person)}/${what}`
}

/** Whose store of this kind it is; null: it is another kind, or nobody's. */
export function personOf(name: string, what: string): string | null {
  const [person, kind, ...more] = name.startsWith(PERSONAL) ? name.slice(PERSONAL.length).split('/') : []
  return person !== undefined && kind === what && more.length === 0 ? decodeURIComponent(person) : null
}
