// Changing pictures, and taking it back: shown at once, said to the API, and for ten minutes undone by one key.
import { api, got, type Schemas } from '~/api/client'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { counted, words } from '~/strings'
import { type Row, rowStore } from './rows'
import type { Chosen } from './selection'
import { shelvesChanged } from './shelf'

export type Changes = Partial<Schemas['Changes']>

interface Undoable {
  token: string
  text: string
  expiresMs: number
}

const MOST_UNDONE = 50
const undoable: Undoable[] = []

/** What of a row a change shows at once. Pure. */
export function shownOf(changes: Changes, now: string): Partial<Row> {
  const fields: Partial<Row> = {}
  if (changes.stars != null) fields.stars = changes.stars
  if (changes.favourite != null) fields.favourite = changes.favourite
  if (changes.visibility != null) fields.visibility = changes.visibility
  if (changes.trashed != null) fields.trashed_at = changes.trashed ? now : null
  if (changes.caption != null) fields.alt = changes.caption.slice(0, 200)
  return fields
}

/** Whether it takes pictures away from where they are shown, or brings some. Stars do not: what one rates stays in sight. */
export function movesPictures(changes: Changes): boolean {
  return changes.trashed != null || changes.add_to_album != null || changes.remove_from_album != null
}

/**
 * Change pictures; returns how many are different now, or null where the API refused (it has been said by then).
 *
 * @param say what was done, of so many pictures; null: it is seen anyway, only the way back is kept.
 */
export async function change(
  chosen: Chosen,
  changes: Changes,
  say: ((count: string, exact: number) => string) | null,
): Promise<number | null> {
  const ids = 'ids' in chosen ? chosen.ids : rowStore.shown().map(row => row.id)
  const before = ids.flatMap(id => rowStore.peek(id) ?? [])
  rowStore.change('ids' in chosen ? ids : [], shownOf(changes, new Date().toISOString()))
  try {
    const body = { ...chosen, changes }
    const done = await got(api.PATCH('/v1/assets', { body }))
    if (done?.undo) remember(done, say?.(counted(done.changed), done.changed) ?? '')
    if (movesPictures(changes)) await shelvesChanged()
    else void rowStore.again(ids)
    return done?.changed ?? 0
  } catch (error) {
    rowStore.put(before)
    toast(told(error, words()), { tone: 'bad' })
    return null
  }
}

function remember(done: Schemas['Changed'], text: string): void {
  const { undo: token, undo_expires_at: expires } = done
  if (!token) return
  undoable.push({ token, text, expiresMs: expires ? Date.parse(expires) : Date.now() + 600_000 })
  if (undoable.length > MOST_UNDONE) undoable.shift()
  if (text) toast(text, { action: { label: words().gallery.undo, run: () => void undoOne(token) } })
}

/** Take the last change back. */
export async function undoLast(): Promise<void> {
  const last = undoable.at(-1)
  if (last && last.expiresMs > Date.now()) await undoOne(last.token)
  else toast(words().gallery.nothingToUndo)
}

async function undoOne(token: string): Promise<void> {
  const at = undoable.findIndex(each => each.token === token)
  if (at >= 0) undoable.splice(at, 1)
  try {
    const { restored } = await got(api.POST('/v1/assets/undo', { body: { undo: token } }))
    toast(words().gallery.undone(counted(restored), restored), { tone: 'good' })
    await everythingChanged()
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
  }
}

/** Both which pictures there are and what is shown of them may be different. */
export async function everythingChanged(): Promise<void> {
  await Promise.all([shelvesChanged(), rowStore.again('all'), rowStore.again('all', true)])
}

/** Delete what is in the trash for good. */
export async function purge(chosen: Chosen): Promise<boolean> {
  try {
    const { purged } = await got(api.POST('/v1/assets/purge', { body: chosen }))
    toast(words().gallery.purged(counted(purged), purged))
    await shelvesChanged()
    return true
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return false
  }
}
