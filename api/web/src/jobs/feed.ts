// All jobs the page knows, newest first, and one poll for those that have not ended: never a timer for each.
//
// A list every 20 s finds jobs that other tabs and programs made; while some are open, one request a beat asks for all of
// them, and brings those previews that changed. An idle tab so costs 3 requests a minute, one with eight
// running jobs fewer than 2 a second with all that its screen asks.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { create } from 'zustand'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'

export type Job = Schemas['JobView']
type Polled = Job | Schemas['MissingJob']

const LIST_EVERY_MS = 20_000
const SOON_MS = [500, 2000, 5000] as const
const RUNNING_BEAT_MS = 800
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

/** Put what an answer said into the feed. */
export function learn(news: readonly Polled[], previews?: Readonly<Record<string, Preview>>): void {
  useFeed.setState(feed => merged(feed, news, previews))
}

/** Theirs only: an operator could see everybody's, which the rack's screen asks for by id. */
const listOf = (owner: string) =>
  queryOptions({
    queryKey: ['jobs', 'list', owner],
    queryFn: async ({ signal }) => {
      const { jobs } = await got(api.GET('/v1/jobs', { params: { query: { limit: MOST, owner } }, signal }))
      learn(jobs)
      return jobs.length
    },
    staleTime: 0,
    refetchInterval: LIST_EVERY_MS,
  })

/** What a batch makes comes within seconds: look for it then, not at the next look for what others do. */
export function lookSoon(): void {
  for (const afterMs of SOON_MS)
    setTimeout(() => void queryClient.invalidateQueries({ queryKey: ['jobs', 'list'] }), afterMs)
}

/** Up to where previews are known; the next answer has only newer ones. */
let mark = ''

const poll = queryOptions({
  queryKey: ['jobs', 'poll'],
  queryFn: async ({ signal }) => {
    const ids = openIds(useFeed.getState())
    if (ids.length === 0) return 0
    const query = { ids: ids.join(','), previews: true, since: mark }
    const answer = await got(api.GET('/v1/jobs', { params: { query }, signal }))
    mark = answer.mark ?? ''
    learn(answer.jobs, answer.previews ?? {})
    return ids.length
  },
  staleTime: 0,
  refetchInterval: () => beatMs(useFeed.getState()),
})

/** Keeps the feed fresh; mounted once, in the frame. */
export function usePolling(person: string): void {
  useQuery(listOf(person))
  const hasOpen = useFeed(feed => openIds(feed).length > 0)
  useQuery({ ...poll, enabled: hasOpen })
}

/** Another person's page begins empty. */
export function forget(): void {
  mark = ''
  useFeed.setState({ jobs: {}, order: [], previews: {}, away: {} })
}
