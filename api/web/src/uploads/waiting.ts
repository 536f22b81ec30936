// Files that wait to be sent, as they lie in the browser's own database: written by the page, and by its service worker
// for what another program shares.
import type { DBSchema, IDBPDatabase } from 'idb'
import { opened } from '~/keep/database'
import { UPLOADS } from '~/keep/names'

export interface Waiting {
  key?: number
  file: File
  /** With its folders, as far as the browser tells them. */
  path: string
  /** Id of the album it goes into; empty: none. */
  album: string
  /** Whether it came from another program: then it waits for a person's word, because any page can send such a form. */
  isShared?: boolean
}

export interface WaitingStore extends DBSchema {
  waiting: { key: number; value: Waiting }
}

/** Null: this browser keeps nothing. */
export function openWaiting(person: string): Promise<IDBPDatabase<WaitingStore> | null> {
  return opened<WaitingStore>(person, UPLOADS, 1, db => db.createObjectStore('waiting', { autoIncrement: true }))
}
