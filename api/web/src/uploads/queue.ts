// Files on their way into the library: a few small requests at a time, so that a break costs little; what is not sent yet
// lies in the browser's own database under the person's name, and goes on after a reload or a crash.
//
// While the API is away the files wait, however long that takes. Of several tabs one sends. What another program shared
// waits for a person's word, because any page can make a browser send such a form.
//
// Bytes that the library has already are the asset that is there, so sending one twice does no harm.
import type { IDBPDatabase } from 'idb'
import { answers, lost, untilItAnswers } from '~/api/away'
import { shelvesChanged } from '~/gallery/shelf'
import { storeName, UPLOADS } from '~/keep/names'
import { told } from '~/parts/Trouble'
import { words } from '~/strings'
import type { Found } from './files'
import { type Answer, Refusal, send } from './send'
import { sampled } from './speed'
import { NOTHING, nextOf, totalsOf, useUploads } from './state'
import { openWaiting, type Waiting, type WaitingStore } from './waiting'

const AGAIN_MS = [2000, 5000, 15_000] as const

let person = ''
let opening: Promise<void> = Promise.resolve()
let waiting: Waiting[] = []
let again: Waiting[] = []
let shared: Waiting[] = []
let database: IDBPDatabase<WaitingStore> | null = null
let current: () => void = () => undefined
let halt = new AbortController()

/** The queue of this person; what an earlier page left goes on, unless they had paused it. */
export function openUploads(whose: string): Promise<void> {
  if (person !== whose) {
    person = whose
    opening = open(whose)
  }
  return opening
}

async function open(whose: string): Promise<void> {
  waiting = []
  again = []
  shared = []
  database = await openWaiting(whose)
  const left: Waiting[] = []
  let cursor = await database?.transaction('waiting').store.openCursor()
  while (cursor) {
    const one = { ...cursor.value, key: cursor.key }
    if (one.isShared) shared.push(one)
    else left.push(one)
    cursor = await cursor.continue()
  }
  waiting = left
  const isPaused = left.length > 0 && wasPaused()
  useUploads.setState({ ...NOTHING, left: left.length, ...totalsOf(left), isPaused, shared: shared.length })
  if (left.length > 0 && !isPaused) void run()
}

function wasPaused(): boolean {
  return localStorage.getItem(storeName(person, 'uploads-paused')) !== null
}

function setPaused(isPaused: boolean): void {
  if (isPaused) localStorage.setItem(storeName(person, 'uploads-paused'), '1')
  else localStorage.removeItem(storeName(person, 'uploads-paused'))
  useUploads.setState({ isPaused })
}

/** Send these too. */
export async function upload(found: readonly Found[], album = ''): Promise<void> {
  await opening
  const added: Waiting[] = found.map(({ file, path }) => ({ file, path, album }))
  for (const each of added) {
    try {
      each.key = await database?.add('waiting', { file: each.file, path: each.path, album })
    } catch {
      break // the disk is full: they are sent from memory
    }
  }
  sendToo(added)
}

function sendToo(added: readonly Waiting[]): void {
  waiting.push(...added)
  const { total, totalBytes } = totalsOf(added)
  useUploads.setState(was => ({
    ...(was.isRunning || was.left ? was : { ...NOTHING, left: 0, shared: was.shared }),
    total: (was.isRunning || was.left ? was.total : 0) + total,
    totalBytes: (was.isRunning || was.left ? was.totalBytes : 0) + totalBytes,
  }))
  setPaused(false)
  void run()
}

/** A person's word: what another program shared is theirs to upload. */
export async function takeShared(): Promise<void> {
  const taken = shared
  shared = []
  useUploads.setState({ shared: 0 })
  for (const { key, isShared, ...rest } of taken) if (key !== undefined) await database?.put('waiting', rest, key)
  sendToo(taken)
}

/** A person's word: it is not. */
export async function dropShared(): Promise<void> {
  const dropped = shared
  shared = []
  useUploads.setState({ shared: 0 })
  await takeOut(dropped)
}

export function pause(): void {
  setPaused(true)
  useUploads.setState({ samples: [] })
  current()
  halt.abort()
}

export function resume(): void {
  setPaused(false)
  void run()
}

/** Forget what is not sent yet. */
export async function stop(): Promise<void> {
  const forgotten = [...waiting, ...again]
  waiting = []
  again = []
  current()
  halt.abort()
  setPaused(false)
  useUploads.setState(was => ({ ...NOTHING, left: 0, shared: was.shared, isRunning: was.isRunning }))
  await takeOut(forgotten)
}

/** Those that failed for a reason that may be over. */
export function retryFailed(): void {
  waiting.push(...again)
  again = []
  useUploads.setState(was => ({ refused: was.refused.filter(each => !each.canRetry), isPaused: false }))
  void run()
}

async function run(): Promise<void> {
  if (useUploads.getState().isRunning) return
  useUploads.setState({ isRunning: true, left: 0 })
  await alone(sendAll)
  useUploads.setState({ isRunning: false })
  await shelvesChanged()
  // Came while the last request ended.
  if (waiting.length > 0 && !useUploads.getState().isPaused) void run()
}

/** One tab at a time; over plain http, where browsers have no locks, two of them may send a file twice. */
async function alone(deed: () => Promise<void>): Promise<void> {
  if ('locks' in navigator) await navigator.locks.request(storeName(person, UPLOADS), deed)
  else await deed()
}

async function sendAll(): Promise<void> {
  await leaveOutSent()
  let failures = 0
  while (waiting.length > 0 && !useUploads.getState().isPaused) {
    const some = nextOf(waiting)
    const before = useUploads.getState().sentBytes
    try {
      const sending = send(some, sent => {
        const sentBytes = before + sent
        useUploads.setState(was => ({ sentBytes, samples: sampled(was.samples, [performance.now(), sentBytes]) }))
      })
      current = sending.abort
      const answer = await sending.answer
      failures = 0
      await settled(some, answer)
      useUploads.setState({ sentBytes: before + totalsOf(some).totalBytes })
    } catch (error) {
      useUploads.setState({ sentBytes: before })
      if (useUploads.getState().isPaused || waiting.length === 0) break
      if (error instanceof Refusal && error.isAway && !(await answers())) {
        await line()
        continue
      }
      const wait = AGAIN_MS[failures]
      failures += 1
      if (wait === undefined || (error instanceof Refusal && !error.isWorthAgain)) {
        await refuse(some, told(error instanceof Refusal ? error.cause : error, words()))
        failures = 0
        continue
      }
      await new Promise(resolve => setTimeout(resolve, error instanceof Refusal ? (error.afterMs ?? wait) : wait))
    }
  }
}

/** Until the API answers, or until somebody pauses or stops. */
async function line(): Promise<void> {
  lost()
  halt = new AbortController()
  useUploads.setState({ isWaiting: true, samples: [] })
  await untilItAnswers(halt.signal)
  useUploads.setState({ isWaiting: false })
}

/** What another tab sent while this one waited for its turn is no longer in the store. */
async function leaveOutSent(): Promise<void> {
  const keys = new Set(await database?.getAllKeys('waiting').catch(() => []))
  const sent = waiting.filter(({ key }) => key !== undefined && !keys.has(key))
  if (sent.length === 0) return
  waiting = waiting.filter(each => !sent.includes(each))
  const { total, totalBytes } = totalsOf(sent)
  useUploads.setState(was => ({ total: was.total - total, totalBytes: was.totalBytes - totalBytes }))
}

async function settled(some: readonly Waiting[], { pictures }: Answer): Promise<void> {
  const refused = some.flatMap((each, at) => {
    const error = pictures[at]?.error
    return error ? [{ path: each.path, why: error.message, canRetry: error.retryable, each }] : []
  })
  // Those that may be tried again stay in the store: a page that is loaded again tries them too.
  const failed = refused.filter(({ canRetry }) => canRetry).map(({ each }) => each)
  again.push(...failed)
  waiting = waiting.filter(each => !some.includes(each))
  await takeOut(some.filter(each => !failed.includes(each)))
  const taken = pictures.filter(picture => picture.asset !== null)
  useUploads.setState(was => ({
    done: was.done + taken.length,
    known: was.known + taken.filter(picture => !picture.is_new).length,
    refused: [...was.refused, ...refused.map(({ path, why, canRetry }) => ({ path, why, canRetry }))],
  }))
  await shelvesChanged()
}

/** Tried again only at a word: the next page would send the same bytes to the same refusal. */
async function refuse(some: readonly Waiting[], why: string): Promise<void> {
  await takeOut(some)
  again.push(...some.map(each => ({ ...each, key: undefined })))
  useUploads.setState(was => ({
    refused: [...was.refused, ...some.map(({ path }) => ({ path, why, canRetry: true }))],
  }))
}

async function takeOut(some: readonly Waiting[]): Promise<void> {
  waiting = waiting.filter(each => !some.includes(each))
  for (const { key } of some) if (key !== undefined) await database?.delete('waiting', key).catch(() => undefined)
}
