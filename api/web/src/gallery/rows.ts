// What a tile shows beside its shape (picture, stars, caption): light rows, asked for when tiles come into sight, many at
// once, and kept. A row is an answer of the API and nothing else; a change is shown at once and asked again afterwards.
import { useEffect, useSyncExternalStore } from 'react'
import { useConnection } from '~/api/away'
import { api, got, type Schemas } from '~/api/client'

export type Row = Schemas['AssetRow']

/** Most ids in one question: with all quotes it stays below the 20,000 characters a filter may have. */
const MOST_IDS = 400
/** Tiles that come into sight within this time are asked for together. */
const TOGETHER_MS = 30
/** Rows kept; those unseen the longest leave first. */
const MOST_KEPT = 6000

type Fetch = (ids: string[], trashed: boolean) => Promise<Row[]>

/** Asks for rows in groups, keeps them, and tells whoever shows one when it changes. */
export class RowStore {
  private rows = new Map<string, Row>()
  private wanted = new Map<string, boolean>()
  private asked = new Set<string>()
  private listeners = new Map<string, Set<() => void>>()
  private timer: ReturnType<typeof setTimeout> | null = null
  /** Of an earlier visit: shown where there is nothing newer, and asked for all the same. */
  private standIns = new Map<string, Row>()
  /** Asked for in vain. */
  private missed = new Map<string, boolean>()
  /** Told of every row that comes. */
  onPut: ((rows: readonly Row[]) => void) | null = null

  constructor(private readonly fetch: Fetch) {}

  peek = (id: string): Row | undefined => this.rows.get(id) ?? this.standIns.get(id)

  /** Show these while there is nothing newer. */
  stand(rows: readonly Row[]): void {
    this.standIns = new Map(rows.map(row => [row.id, row]))
    for (const row of rows) this.tell(row.id)
  }

  /** Have it soon; `trashed` says where it is to be looked for. */
  want(id: string, trashed: boolean): void {
    const known = this.rows.get(id)
    if (known) {
      this.rows.delete(id)
      this.rows.set(id, known)
      return
    }
    if (this.asked.has(id)) return
    this.wanted.set(id, trashed)
    this.timer ??= setTimeout(() => void this.ask(), TOGETHER_MS)
  }

  /** Nobody looks at it any more: what was scrolled past need not be asked for. */
  unwant(id: string): void {
    this.wanted.delete(id)
  }

  put(rows: readonly Row[]): void {
    for (const row of rows) {
      this.rows.delete(row.id)
      this.rows.set(row.id, row)
      this.standIns.delete(row.id)
      this.tell(row.id)
    }
    this.onPut?.(rows)
    while (this.rows.size > MOST_KEPT) this.rows.delete(this.rows.keys().next().value as string)
  }

  /** Show a change before the API has answered. */
  change(ids: Iterable<string>, fields: Partial<Row>): void {
    for (const id of ids) {
      const row = this.rows.get(id)
      if (row) this.put([{ ...row, ...fields }])
    }
  }

  /** What is shown of these is asked for again; of the others it is forgotten. */
  async again(ids: Iterable<string> | 'all', trashed = false): Promise<void> {
    const shown: string[] = []
    for (const id of ids === 'all' ? [...this.rows.keys()] : ids) {
      if (this.listeners.has(id)) shown.push(id)
      else this.rows.delete(id)
    }
    for (let at = 0; at < shown.length; at += MOST_IDS) {
      this.put(await this.fetch(shown.slice(at, at + MOST_IDS), trashed))
    }
  }

  /** The API answers again: what is shown and could not be had is asked for. */
  recover(): void {
    const missed = this.missed
    this.missed = new Map()
    for (const [id, trashed] of missed) if (this.listeners.has(id)) this.want(id, trashed)
  }

  /** Of the rows that are shown. */
  shown(): Row[] {
    return [...this.listeners.keys()].flatMap(id => this.rows.get(id) ?? [])
  }

  /** Of those that are shown: what somebody is about to look at, or looks at. */
  unsettled(): Row[] {
    return this.shown().filter(row => row.analysis === 'waiting' || row.analysis === 'running')
  }

  listen(id: string, tell: () => void): () => void {
    const listening = this.listeners.get(id) ?? new Set()
    listening.add(tell)
    this.listeners.set(id, listening)
    return () => {
      listening.delete(tell)
      if (listening.size === 0) this.listeners.delete(id)
    }
  }

  clear(): void {
    this.rows.clear()
    this.standIns.clear()
    this.asked.clear()
  }

  private tell(id: string): void {
    for (const listener of this.listeners.get(id) ?? []) listener()
  }

  private async ask(): Promise<void> {
    this.timer = null
    for (const trashed of [false, true]) {
      const ids = [...this.wanted].filter(([, each]) => each === trashed).map(([id]) => id)
      for (let at = 0; at < ids.length; at += MOST_IDS) await this.askFor(ids.slice(at, at + MOST_IDS), trashed)
    }
  }

  private async askFor(ids: string[], trashed: boolean): Promise<void> {
    for (const id of ids) {
      this.wanted.delete(id)
      this.asked.add(id)
    }
    try {
      this.put(await this.fetch(ids, trashed))
    } catch {
      // Asked again when it comes into sight again, or when the page has found the API back.
      for (const id of ids) this.missed.set(id, trashed)
    } finally {
      for (const id of ids) this.asked.delete(id)
    }
  }
}

async function fetched(ids: string[], trashed: boolean): Promise<Row[]> {
  const filter = JSON.stringify({ ids, scope: 'all', ...(trashed && { trashed }) })
  return (await got(api.GET('/v1/assets', { params: { query: { filter, limit: ids.length } } }))).assets
}

export const rowStore = new RowStore(fetched)

useConnection.subscribe(({ returns }, was) => returns !== was.returns && rowStore.recover())

/** The row of a tile that is shown; undefined until it is there. */
export function useRow(id: string | null, trashed = false): Row | undefined {
  useEffect(() => {
    if (!id) return
    rowStore.want(id, trashed)
    return () => rowStore.unwant(id)
  }, [id, trashed])
  return useSyncExternalStore(
    tell => (id ? rowStore.listen(id, tell) : () => undefined),
    () => (id ? rowStore.peek(id) : undefined),
  )
}
