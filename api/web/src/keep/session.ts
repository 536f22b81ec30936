// Who was let in the last time, for a page that is opened while the rack cannot be asked; and a sign-out that the rack has
// not heard of yet, which comes before everything else when it answers again.
import type { Schemas } from '~/api/client'
import { lastPerson, storeName } from './person'

type Session = Schemas['SessionState']

const LEAVING = 'darkroom.leaving'

export function keepSession(session: Session): void {
  try {
    localStorage.setItem(storeName(session.person, 'session'), JSON.stringify(session))
  } catch {
    // A full or closed store: the page then opens only while the rack answers.
  }
}

/** Of the person who used this browser last; null: there is none, or they signed out. */
export function keptSession(): Session | null {
  const person = lastPerson()
  const text = person === null ? null : localStorage.getItem(storeName(person, 'session'))
  try {
    const kept = JSON.parse(text ?? 'null') as Session | null
    return kept && kept.person === person ? kept : null
  } catch {
    return null
  }
}

/** Whether somebody signed out while the rack was away. */
export function isLeaving(): boolean {
  return localStorage.getItem(LEAVING) !== null
}

export function setLeaving(isSo: boolean): void {
  if (isSo) localStorage.setItem(LEAVING, '1')
  else localStorage.removeItem(LEAVING)
}
