// What the rack's screen asks, and tells the workers. Asked again every few seconds while somebody looks.
import { queryOptions } from '@tanstack/react-query'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'
import { learn, openIds, useFeed } from '~/jobs/feed'
import { told } from '~/parts/Trouble'
import { onComing } from '~/shell/presence'
import { toast } from '~/shell/toasts'
import { words } from '~/strings'
import { BEATS, isNews, pauseMs } from './beats'

export type Worker = Schemas['WorkerStatus']

export const statusOf = queryOptions({
  queryKey: ['rack', 'status'],
  queryFn: async ({ signal }) => {
    const was = queryClient.getQueryData(statusKey)
    const is = await got(api.GET('/v1/status', { signal }))
    if (was && isNews(was, is)) void queryClient.invalidateQueries({ queryKey: ['rack'], predicate: isNoStatus })
    return is
  },
  refetchInterval: () => pace('status'),
})

const statusKey = statusOf.queryKey

function isNoStatus({ queryKey }: { queryKey: readonly unknown[] }): boolean {
  return queryKey[1] !== statusKey[1]
}

/** Pause until this question is asked again, in milliseconds. */
export function pace(question: keyof typeof BEATS): number {
  return pauseMs(BEATS[question], queryClient.getQueryData(statusKey))
}

onComing(() => void queryClient.refetchQueries({ queryKey: ['rack'], type: 'active', stale: true }))
// The page's own jobs are known before the moment tells of them.
useFeed.subscribe((feed, was) => {
  if (openIds(feed).length > 0 !== openIds(was).length > 0) void queryClient.invalidateQueries({ queryKey: ['rack'] })
})

export const queueOf = queryOptions({
  queryKey: ['rack', 'queue'],
  queryFn: async ({ signal }) => await got(api.GET('/v1/queue', { params: { query: { limit: 100 } }, signal })),
  refetchInterval: () => pace('queue'),
})

/** Jobs that the rack shows but the page does not know yet: an operator's others. They are polled like one's own then. */
export const jobsOf = (ids: readonly string[]) =>
  queryOptions({
    queryKey: ['rack', 'jobs', ...ids],
    queryFn: async ({ signal }) => {
      const { jobs } = await got(api.GET('/v1/jobs', { params: { query: { ids: ids.join(',') } }, signal }))
      learn(jobs)
      return jobs.length
    },
    enabled: ids.length > 0,
  })

export const batchesOf = queryOptions({
  queryKey: ['rack', 'batches'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/batches', { params: { query: { limit: 20 } }, signal }))).batches,
  refetchInterval: () => pace('batches'),
})

export const failedOf = queryOptions({
  queryKey: ['rack', 'failed'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/jobs', { params: { query: { state: 'failed', limit: 20 } }, signal }))).jobs,
  refetchInterval: () => pace('failed'),
})

export type Series = Schemas['WorkerSeries']

/** A worker's last hour, the oldest point first. */
export const seriesOf = (worker: string) =>
  queryOptions({
    queryKey: ['rack', 'series', worker],
    queryFn: async ({ signal }) =>
      await got(api.GET('/v1/workers/{name}/series', { params: { path: { name: worker } }, signal })),
    refetchInterval: () => pace('series'),
  })

export const eventsOf = queryOptions({
  queryKey: ['rack', 'events'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/events', { signal }))).events,
  refetchInterval: () => pace('events'),
})

export const doctorOf = queryOptions({
  queryKey: ['rack', 'doctor'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/doctor', { signal }))).hosts,
  refetchInterval: () => pace('doctor'),
})

/** After a worker was told something, it does it within a few seconds: so much later one looks again. */
const LOOKS_MS = [0, 1000, 2500, 5000]

/** Tell something; says what was told, or what went wrong, and looks again. */
export async function tell(call: Promise<unknown>, said: string): Promise<boolean> {
  try {
    await call
    if (said) toast(said, { tone: 'good' })
    return true
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return false
  } finally {
    for (const ms of LOOKS_MS) setTimeout(() => void queryClient.invalidateQueries({ queryKey: ['rack'] }), ms)
  }
}
