// What the API answered lately, kept under the person's name for when it cannot be asked: the library's months, its recent
// rows, models, presets, albums, and the newest jobs that have ended. Only read while the API is away: while it answers,
// its word alone counts. Loaded lazily, since a first visit needs none of it.

import { hashKey, type QueryKey } from '@tanstack/react-query'
import type { DBSchema, IDBPDatabase, StoreNames } from 'idb'
import { useConnection } from '~/api/away'
import { queryClient } from '~/api/queries'
import { type PackedMonth, unpackedMonth } from '~/gallery/packed'
import { type Row, rowStore } from '~/gallery/rows'
import { type Feed, isOpen, type Job, learn, useFeed } from '~/jobs/feed'
import { opened } from './database'

/** Questions of these wings are kept; of the library's only which pictures there are. */
const WINGS = new Set<unknown>(['actions', 'albums', 'asset', 'models', 'presets', 'searches', 'tags'])
const OF_ASSETS = new Set<unknown>(['buckets', 'month'])
/** A year of months in a few questions, and the pictures looked at closely. */
const MOST_ANSWERS = 300
/** Some screens of the gallery; a row is about 1 kB. */
const MOST_ROWS = 1500
const MOST_JOBS = 40
/** News within this time is written together. */
const TOGETHER_MS = 1000
const JOBS: QueryKey = ['jobs', 'ended']

interface Answer {
  hash: string
  queryKey: QueryKey
  data: unknown
  atMs: number
}

interface KeptRow {
  id: string
  row: Row
  atMs: number
}

interface Kept extends DBSchema {
  answers: { key: string; value: Answer; indexes: { at: number } }
  rows: { key: string; value: KeptRow; indexes: { at: number } }
}

let whose: string | null = null
let database: Promise<IDBPDatabase<Kept> | null> = Promise.resolve(null)
let answers = new Map<string, Answer>()
let rows = new Map<string, KeptRow>()
let keptJobs = ''
let isDue = false

/** Whether answers to this question are kept. Pure. */
export function isKept(queryKey: QueryKey): boolean {
  return WINGS.has(queryKey[0]) || (queryKey[0] === 'assets' && OF_ASSETS.has(queryKey[1]))
}

/** An answer as it can lie in a store: a month is its bytes. Pure. */
export function packed(data: unknown): unknown {
  const bytes = typeof data === 'object' && data !== null ? (data as Partial<PackedMonth>).bytes : undefined
  return bytes ?? data
}

/** The answer again. Pure. */
export function unpacked(data: unknown): unknown {
  return data instanceof ArrayBuffer ? unpackedMonth(data) : data
}

/** From now on what this person is answered is kept, and shown whenever the API is away. Once a person. */
export async function keepFor(person: string): Promise<void> {
  if (whose === person) return
  whose = person
  database = opened<Kept>(person, 'kept', 1, db => {
    db.createObjectStore('answers', { keyPath: 'hash' }).createIndex('at', 'atMs')
    db.createObjectStore('rows', { keyPath: 'id' }).createIndex('at', 'atMs')
  })
  queryClient.getQueryCache().subscribe(({ type, query, ...event }) => {
    if (type !== 'updated' || !('action' in event) || event.action.type !== 'success' || event.action.manual) return
    if (isKept(query.queryKey)) keep(query.queryKey, query.state.data)
  })
  for (const query of queryClient.getQueryCache().getAll()) {
    if (query.state.data !== undefined && isKept(query.queryKey)) keep(query.queryKey, query.state.data)
  }
  rowStore.onPut = keepRows
  keepJobs(useFeed.getState())
  useFeed.subscribe(keepJobs)
  useConnection.subscribe((connection, was) => {
    if (connection.awaySinceMs !== null && was.awaySinceMs === null) void restore()
  })
  // The last news too, of a page that is left within a moment.
  window.addEventListener('pagehide', () => void write())
  if (useConnection.getState().awaySinceMs !== null) await restore()
}

/** Only when other jobs have ended: a feed that runs has news twice a second. */
function keepJobs({ order, jobs }: Feed): void {
  const newest = order.flatMap(id => ended(jobs[id])).slice(0, MOST_JOBS)
  const ids = newest.map(job => job.id).join()
  if (ids === keptJobs) return
  keptJobs = ids
  if (newest.length > 0) keep(JOBS, newest)
}

function ended(job: Job | undefined): Job[] {
  return job && !isOpen(job) ? [job] : []
}

function keep(queryKey: QueryKey, data: unknown): void {
  const hash = hashKey(queryKey)
  answers.set(hash, { hash, queryKey, data: packed(data), atMs: Date.now() })
  writeSoon()
}

function keepRows(news: readonly Row[]): void {
  for (const row of news) rows.set(row.id, { id: row.id, row, atMs: Date.now() })
  writeSoon()
}

function writeSoon(): void {
  if (isDue) return
  isDue = true
  setTimeout(() => void write(), TOGETHER_MS)
}

async function write(): Promise<void> {
  isDue = false
  const [someAnswers, someRows] = [answers, rows]
  answers = new Map()
  rows = new Map()
  const db = await database
  try {
    const all = db?.transaction(['answers', 'rows'], 'readwrite')
    for (const answer of someAnswers.values()) await all?.objectStore('answers').put(answer)
    for (const row of someRows.values()) await all?.objectStore('rows').put(row)
    await all?.done
    if (db && someAnswers.size > 0) await trim(db, 'answers', MOST_ANSWERS)
    if (db && someRows.size > 0) await trim(db, 'rows', MOST_ROWS)
  } catch {
    // The disk is full, or all of it was erased meanwhile: the page goes on, it only has less to show while away.
  }
}

/** The oldest leave. */
async function trim(db: IDBPDatabase<Kept>, name: StoreNames<Kept>, most: number): Promise<void> {
  const all = db.transaction(name, 'readwrite')
  let over = (await all.store.count()) - most
  for (let cursor = await all.store.index('at').openCursor(); cursor && over > 0; over -= 1) {
    await cursor.delete()
    cursor = await cursor.continue()
  }
  await all.done
}

/** Show what is kept where there is nothing newer; all of it is asked again when the API is back. */
async function restore(): Promise<void> {
  const db = await database
  if (!db) return
  try {
    rowStore.stand((await db.getAll('rows')).map(({ row }) => row))
    for (const { queryKey, data, atMs } of await db.getAll('answers')) {
      if (queryKey[0] === JOBS[0]) {
        if (useFeed.getState().order.length === 0) learn(data as Job[])
      } else if (queryClient.getQueryData(queryKey) === undefined) {
        queryClient.setQueryData(queryKey, unpacked(data), { updatedAt: atMs })
        await queryClient.invalidateQueries({ queryKey, exact: true, refetchType: 'none' })
      }
    }
  } catch {
    // Erased meanwhile.
  }
}
