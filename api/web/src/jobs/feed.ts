// All jobs the page knows, newest first, and one poll for those that have not ended: never a timer for each.
//
// A list every 20 s finds jobs that other tabs and programs made; while some are open, one request a beat asks for all of
// them, and another for the preview that is the most behind. An idle tab so costs 3 requests a minute, one with eight
// running jobs about 2 a second.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { create } from 'zustand'
import { api, got, type Schemas } from '~/api/client'

export type Job = Schemas['JobView']
type Polled = Job | Schemas['MissingJob']

const LIST_EVERY_MS = 20_000
const RUNNING_BEAT_MS = 1000
const QUEUED_BEAT_MS = 1500
/** Jobs on the first page of the list, and ids in one poll: an address has room for them. */
const MOST = 100

interface Preview {
  step: number
  data: string
}

export interface Feed {
  jobs: Record<string, Job>
  /** Ids, the newest first. */
  order: string[]
  /** The newest preview of each running job: its step, and the picture as a data URL. */
  previews: Record<string, Preview>
  /** Ended jobs that were put away on this screen. */
  away: Record<string, true>
}

export const useFeed = create<Feed>(() => ({ jobs: {}, order: [], previews: {}, away: {} }))

export function isOpen(job: Job): boolean {
  return job.state === 'waiting' || job.state === 'queued' || job.state === 'running'
}

/** Known jobs and news of them → what is known then. Pure. */
export function merged(feed: Feed, news: readonly Polled[], previews: Readonly<Record<string, Preview>> = {}): Feed {
  const jobs = { ...feed.jobs }
  for (const one of news) {
    if ('kind' in one) jobs[one.id] = one
    else delete jobs[one.id] // gone or never there
  }
  const order = Object.values(jobs)
    .sort((a, b) => b.created_at.localeCompare(a.created_at) || b.id.localeCompare(a.id))
    .map(job => job.id)
  const kept: Record<string, Preview> = {}
  for (const [id, preview] of Object.entries({ ...feed.previews, ...previews })) {
    const job = jobs[id]
    if (job && isOpen(job)) kept[id] = preview
  }
  return { jobs, order, previews: kept, away: feed.away }
}

/** Ids to ask for next; the longest under way first, so that none starves where there are more than fit. Pure. */
export function openIds(feed: Pick<Feed, 'jobs' | 'order'>): string[] {
  const open = feed.order.filter(id => {
    const job = feed.jobs[id]
    return job !== undefined && isOpen(job)
  })
  return open.reverse().slice(0, MOST)
}

/** Pause until the next poll, in milliseconds; false: nothing is open. Pure. */
export function beatMs(feed: Pick<Feed, 'jobs' | 'order'>): number | false {
  const ids = openIds(feed)
  if (ids.length === 0) return false
  return ids.some(id => feed.jobs[id]?.state === 'running') ? RUNNING_BEAT_MS : QUEUED_BEAT_MS
}

/** The running job whose preview is the most steps old; null: all are as new as can be. Pure. */
export function nextToLookAt(feed: Feed): Job | null {
  const behind = (job: Job) => (job.progress?.step ?? 0) - (feed.previews[job.id]?.step ?? -1)
  const running = openIds(feed).flatMap(id => feed.jobs[id] ?? [])
  const stale = running.filter(job => job.preview && behind(job) > 0)
  return stale.sort((a, b) => behind(b) - behind(a))[0] ?? null
}

/** One preview a beat, so that a beat is two requests however many jobs run. */
async function lookAt(job: Job | null, signal: AbortSignal): Promise<void> {
  if (!job?.preview) return
  const answer = await fetch(job.preview, { signal }).catch(() => null)
  if (!answer?.ok) return // it ended meanwhile
  learn([], { [job.id]: { step: job.progress?.step ?? 0, data: await dataUrl(await answer.blob()) } })
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
    reader.readAsDataURL(blob)
  })
}

/** Put what an answer said into the feed. */
export function learn(news: readonly Polled[], previews?: Readonly<Record<string, Preview>>): void {
  useFeed.setState(feed => merged(feed, news, previews))
}

const list = queryOptions({
  queryKey: ['jobs', 'list'],
  queryFn: async ({ signal }) => {
    const { jobs } = await got(api.GET('/v1/jobs', { params: { query: { limit: MOST } }, signal }))
    learn(jobs)
    return jobs.length
  },
  staleTime: 0,
  refetchInterval: LIST_EVERY_MS,
})

const poll = queryOptions({
  queryKey: ['jobs', 'poll'],
  queryFn: async ({ signal }) => {
    const ids = openIds(useFeed.getState())
    if (ids.length === 0) return 0
    const { jobs } = await got(api.GET('/v1/jobs', { params: { query: { ids: ids.join(',') } }, signal }))
    learn(jobs)
    await lookAt(nextToLookAt(useFeed.getState()), signal)
    return ids.length
  },
  staleTime: 0,
  refetchInterval: () => beatMs(useFeed.getState()),
})

/** Keeps the feed fresh; mounted once, in the frame. */
export function usePolling(): void {
  useQuery(list)
  const hasOpen = useFeed(feed => openIds(feed).length > 0)
  useQuery({ ...poll, enabled: hasOpen })
}

/** Another person's page begins empty. */
export function forget(): void {
  useFeed.setState({ jobs: {}, order: [], previews: {}, away: {} })
}
