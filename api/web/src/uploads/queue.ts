// Files on their way into the library: a few small requests at a time, so that a break costs little; what is not sent yet
// lies in the browser's own database under the person's name, and goes on after a reload or a crash.
//
// Bytes that the library has already are the asset that is there, so sending one twice does no harm.
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { create } from 'zustand'
import type { Schemas } from '~/api/client'
import { errorOf } from '~/api/errors'
import { shelvesChanged } from '~/gallery/shelf'
import { storeName } from '~/keep/person'
import { told } from '~/parts/Trouble'
import { words } from '~/strings'
import type { Found } from './files'
import { type Sample, sampled } from './speed'

/** Of one request. */
const MOST_FILES = 8
const MOST_BYTES = 24 * 1024 * 1024
const AGAIN_MS = [2000, 5000, 15_000] as const

interface Waiting {
  key?: number
  file: File
  path: string
  album: string
}

interface Store extends DBSchema {
  waiting: { key: number; value: Waiting }
}

export interface Refused {
  path: string
  why: string
  /** Whether sending it again may help. */
  canRetry: boolean
}

interface Uploads {
  total: number
  totalBytes: number
  /** Files that became assets, and those of them that were there already. */
  done: number
  known: number
  sentBytes: number
  refused: Refused[]
  isPaused: boolean
  isRunning: boolean
  samples: Sample[]
  /** Files that a page before this one left; null: nobody has looked. */
  left: number | null
}

const NOTHING: Uploads = {
  total: 0,
  totalBytes: 0,
  done: 0,
  known: 0,
  sentBytes: 0,
  refused: [],
  isPaused: false,
  isRunning: false,
  samples: [],
  left: null,
}

export const useUploads = create<Uploads>(() => NOTHING)

let person = ''
let waiting: Waiting[] = []
let again: Waiting[] = []
let database: Promise<IDBPDatabase<Store> | null> | null = null
let current: XMLHttpRequest | null = null

/** The queue of this person; what an earlier page left is there again, paused. */
export async function openUploads(whose: string): Promise<void> {
  if (person === whose) return
  person = whose
  waiting = []
  again = []
  database = opened(storeName(whose, 'uploads'))
  const db = await database
  const left: Waiting[] = []
  let cursor = await db?.transaction('waiting').store.openCursor()
  while (cursor) {
    left.push({ ...cursor.value, key: cursor.key })
    cursor = await cursor.continue()
  }
  waiting = left
  useUploads.setState({ ...NOTHING, left: left.length, ...totalsOf(left), isPaused: left.length > 0 })
}

async function opened(name: string): Promise<IDBPDatabase<Store> | null> {
  try {
    return await openDB<Store>(name, 1, {
      upgrade: db => db.createObjectStore('waiting', { autoIncrement: true }),
      // It is erased when its person leaves, which an open connection, here or in another tab, would put off.
      blocking: (_, __, event) => (event.target as IDBDatabase).close(),
    })
  } catch {
    return null // a browser that keeps nothing: uploads go on, they only do not survive a reload
  }
}

function totalsOf(files: readonly Waiting[]): Pick<Uploads, 'total' | 'totalBytes'> {
  return { total: files.length, totalBytes: files.reduce((sum, { file }) => sum + file.size, 0) }
}

/** Send these too. */
export async function upload(found: readonly Found[], album = ''): Promise<void> {
  const added: Waiting[] = found.map(({ file, path }) => ({ file, path, album }))
  const db = await database
  for (const each of added) {
    try {
      each.key = await db?.add('waiting', { file: each.file, path: each.path, album })
    } catch {
      break // the disk is full: they are sent from memory
    }
  }
  waiting.push(...added)
  const { total, totalBytes } = totalsOf(added)
  useUploads.setState(was => ({
    ...(was.isRunning || was.left ? was : { ...NOTHING, left: 0 }),
    total: (was.isRunning || was.left ? was.total : 0) + total,
    totalBytes: (was.isRunning || was.left ? was.totalBytes : 0) + totalBytes,
    isPaused: false,
  }))
  void run()
}

export function pause(): void {
  useUploads.setState({ isPaused: true, samples: [] })
  current?.abort()
}

export function resume(): void {
  useUploads.setState({ isPaused: false })
  void run()
}

/** Forget what is not sent yet. */
export async function stop(): Promise<void> {
  waiting = []
  again = []
  current?.abort()
  await (await database)?.clear('waiting')
  useUploads.setState({ ...NOTHING, left: 0 })
}

/** Those that failed for a reason that may be over. */
export function retryFailed(): void {
  waiting.push(...again)
  again = []
  useUploads.setState(was => ({ refused: was.refused.filter(each => !each.canRetry), isPaused: false }))
  void run()
}

/** The files of the next request: a few, of one album, not too many bytes. Pure. */
export function nextOf<T extends { file: { size: number }; album: string }>(files: readonly T[]): T[] {
  const taken: T[] = []
  let bytes = 0
  for (const each of files) {
    const isOver = taken.length > 0 && bytes + each.file.size > MOST_BYTES
    if (isOver || taken.length === MOST_FILES || (taken[0] && taken[0].album !== each.album)) break
    taken.push(each)
    bytes += each.file.size
  }
  return taken
}

type Answer = Schemas['UploadAnswer']

async function run(): Promise<void> {
  if (useUploads.getState().isRunning) return
  useUploads.setState({ isRunning: true, left: 0 })
  let failures = 0
  while (waiting.length > 0 && !useUploads.getState().isPaused) {
    const some = nextOf(waiting)
    const before = useUploads.getState().sentBytes
    try {
      const answer = await send(some, sent => {
        const sentBytes = before + sent
        useUploads.setState(was => ({ sentBytes, samples: sampled(was.samples, [performance.now(), sentBytes]) }))
      })
      failures = 0
      await settled(some, answer)
      useUploads.setState({ sentBytes: before + totalsOf(some).totalBytes })
    } catch (error) {
      useUploads.setState({ sentBytes: before })
      if (useUploads.getState().isPaused || waiting.length === 0) break
      const wait = AGAIN_MS[failures]
      failures += 1
      if (wait === undefined || (error instanceof Refusal && !error.isWorthAgain)) {
        refuse(some, told(error instanceof Refusal ? error.cause : error, words()))
        failures = 0
        continue
      }
      await new Promise(resolve => setTimeout(resolve, error instanceof Refusal ? (error.afterMs ?? wait) : wait))
    }
  }
  useUploads.setState({ isRunning: false })
  await shelvesChanged()
}

class Refusal extends Error {
  constructor(
    override readonly cause: unknown,
    readonly isWorthAgain: boolean,
    readonly afterMs: number | null,
  ) {
    super('refused')
  }
}

/** By XMLHttpRequest, because fetch does not tell how much of a body has gone. */
function send(some: readonly Waiting[], onSent: (bytes: number) => void): Promise<Answer> {
  const form = new FormData()
  const album = some[0]?.album
  if (album) form.append('upload', JSON.stringify({ album }))
  for (const { file, path } of some) form.append('files', file, path.split('/').at(-1) ?? file.name)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    current = request
    request.open('POST', '/v1/uploads')
    request.responseType = 'json'
    request.upload.onprogress = event => onSent(event.loaded)
    request.onerror = request.onabort = () => reject(new Refusal(null, true, null))
    request.onload = () => {
      if (request.status < 300) return resolve(request.response as Answer)
      const error = errorOf(request.status, request.response, request.getResponseHeader('Retry-After'))
      const isWorthAgain = error.retryable || request.status === 429 || request.status >= 502
      reject(new Refusal(error, isWorthAgain, error.retryAfterS === null ? null : error.retryAfterS * 1000))
    }
    request.send(form)
  })
}

async function settled(some: readonly Waiting[], { pictures }: Answer): Promise<void> {
  const refused = some.flatMap((each, at) => {
    const error = pictures[at]?.error
    return error ? [{ path: each.path, why: error.message, canRetry: error.retryable, each }] : []
  })
  again.push(...refused.filter(({ canRetry }) => canRetry).map(({ each }) => each))
  await takeOut(some)
  const taken = pictures.filter(picture => picture.asset !== null)
  useUploads.setState(was => ({
    done: was.done + taken.length,
    known: was.known + taken.filter(picture => !picture.is_new).length,
    refused: [...was.refused, ...refused.map(({ path, why, canRetry }) => ({ path, why, canRetry }))],
  }))
  await shelvesChanged()
}

function refuse(some: readonly Waiting[], why: string): void {
  waiting = waiting.filter(each => !some.includes(each))
  again.push(...some)
  useUploads.setState(was => ({
    refused: [...was.refused, ...some.map(({ path }) => ({ path, why, canRetry: true }))],
  }))
}

async function takeOut(some: readonly Waiting[]): Promise<void> {
  waiting = waiting.filter(each => !some.includes(each))
  const db = await database
  for (const { key } of some) if (key !== undefined) await db?.delete('waiting', key)
}
