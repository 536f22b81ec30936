// A person's database in this browser. It gives way when it is to be erased, in whichever tab that is asked for: after
// that, what was open throws, and nothing makes it anew.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { storeName } from './names'

/** Open, or made by `upgrade`; null: a browser that keeps nothing (private windows, a full disk). */
export async function opened<T extends DBSchema>(
  person: string,
  what: string,
  version: number,
  upgrade: (db: IDBPDatabase<T>) => void,
): Promise<IDBPDatabase<T> | null> {
  try {
    return await openDB<T>(storeName(person, what), version, {
      upgrade,
      blocking: (_from, _to, event) => (event.target as IDBDatabase).close(),
    })
  } catch {
    return null
  }
}
