// What is done with the pictures that are chosen, or with the one that has the focus where none is.
import { api, got } from '~/api/client'
import { type Action, act, lookAgain, type Overrides } from '~/library/actions'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { counted, words } from '~/strings'
import { type Changes, change, purge } from './changes'
import { archivesOf, save } from './download'
import { wholePicture } from './pictures'
import { type Asked, askedOf } from './question'
import { rowStore } from './rows'
import { type Chosen, chosenOf, isEmpty, NOTHING, type Selection } from './selection'
import type { Shelf } from './shelf'

type Say = (count: string, exact: number) => string

export interface Deeds {
  change: (changes: Changes, say: Say | null) => Promise<void>
  purge: () => Promise<void>
  lookAgain: () => Promise<void>
  act: (action: Action, preset: string | null, overrides?: Overrides) => Promise<void>
  download: () => Promise<void>
  /** The chosen rows as they are shown, for a key that turns something over. */
  rows: () => { stars: number; favourite: boolean }[]
}

/** Of two archives that begin at once a browser drops one. */
const BETWEEN_MS = 400

/** The question as the API's own filter, which bulk changes take. */
async function filterOf(asked: Asked): Promise<Record<string, unknown>> {
  const query = { ...asked, limit: 1 }
  const { filter } = await got(api.GET('/v1/search', { params: { query } }))
  // An album is everybody's who may see it; what one changes is one's own.
  return { ...filter, ...(asked.album ? { scope: 'all' } : {}) }
}

export function deedsOf(
  shelf: Shelf,
  selection: Selection,
  focusId: () => string | null,
  choose: (next: Selection) => void,
): Deeds {
  const isOneOnly = isEmpty(selection, shelf.total)

  async function chosen(): Promise<Chosen | null> {
    const id = focusId()
    if (isOneOnly) return id ? { ids: [id] } : null
    if (selection.kind === 'some') return chosenOf(selection, {})
    try {
      return chosenOf(selection, await filterOf(askedOf(shelf.question)))
    } catch (error) {
      toast(told(error, words()), { tone: 'bad' })
      return null
    }
  }

  /** Ids by name: of everything in a question these are fetched. */
  async function ids(most: number): Promise<string[]> {
    const which = await chosen()
    if (!which) return []
    if ('ids' in which) return which.ids
    const query = { filter: JSON.stringify(which.filter), limit: Math.min(1000, most + 1) }
    try {
      return (await got(api.GET('/v1/assets', { params: { query } }))).assets.map(row => row.id)
    } catch (error) {
      toast(told(error, words()), { tone: 'bad' })
      return []
    }
  }

  return {
    async change(changes, say) {
      const which = await chosen()
      if (!which) return
      const done = await change(which, changes, isOneOnly && changes.trashed == null ? null : say)
      if (done !== null && (changes.trashed != null || changes.remove_from_album != null)) choose(NOTHING)
    },
    async purge() {
      const which = await chosen()
      if (which && (await purge(which))) choose(NOTHING)
    },
    async lookAgain() {
      const which = await chosen()
      if (!which || !(await lookAgain(which))) return
      await rowStore.again('ids' in which ? which.ids : 'all')
    },
    async act(action, preset, overrides) {
      const which = await ids(action.max_ids)
      if (which.length > 0) await act(action, which.slice(0, action.max_ids), preset, overrides)
    },
    async download() {
      const which = await chosen()
      if (!which) return
      const [one, ...more] = 'ids' in which ? which.ids : []
      const row = one && more.length === 0 ? rowStore.peek(one) : undefined
      if (row) return save(wholePicture(row.picture), row.picture)
      const archives = archivesOf(which)
      toast(words().gallery.archives(counted(archives.length), archives.length))
      for (const address of archives) {
        save(address)
        await new Promise(resolve => setTimeout(resolve, BETWEEN_MS))
      }
    },
    rows: () => {
      const id = focusId()
      const named = isOneOnly ? (id ? [id] : []) : selection.kind === 'some' ? [...selection.ids] : []
      return named.flatMap(each => rowStore.peek(each) ?? [])
    },
  }
}
