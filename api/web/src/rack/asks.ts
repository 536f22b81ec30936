// What the rack's screen asks, and tells the workers. Asked again every few seconds while somebody looks.
import { queryOptions } from '@tanstack/react-query'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'
import { learn } from '~/jobs/feed'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { words } from '~/strings'

export type Worker = Schemas['WorkerStatus']

const BUSY_MS = 2500
const IDLE_MS = 10_000

/** Often while something runs, seldom while nothing does. */
function beat(status: Schemas['SystemStatus'] | undefined): number {
  return status?.workers.some(worker => worker.running.length > 0) ? BUSY_MS : IDLE_MS
}

export const statusOf = queryOptions({
  queryKey: ['rack', 'status'],
  queryFn: async ({ signal }) => await got(api.GET('/v1/status', { signal })),
  refetchInterval: ({ state }) => beat(state.data),
})

export const queueOf = queryOptions({
  queryKey: ['rack', 'queue'],
  queryFn: async ({ signal }) =>
    await got(api.GET('/v1/queue', { params: { query: { limit: 100 } as never }, signal })),
  refetchInterval: ({ state }) => ((state.data?.running.length ?? 0) > 0 ? BUSY_MS : IDLE_MS),
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
    (await got(api.GET('/v1/batches', { params: { query: { limit: 20 } as never }, signal }))).batches,
  refetchInterval: ({ state }) => (state.data?.some(batch => batch.state === 'running') ? BUSY_MS : IDLE_MS),
})

export const failedOf = queryOptions({
  queryKey: ['rack', 'failed'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/jobs', { params: { query: { state: 'failed', limit: 20 } as never }, signal }))).jobs,
  refetchInterval: IDLE_MS * 3,
})

export interface Series {
  fields: string[]
  points: (number | null)[][]
}

/** A worker's last hour, the oldest point first. */
export const seriesOf = (worker: string) =>
  queryOptions({
    queryKey: ['rack', 'series', worker],
    queryFn: async ({ signal }) => await untyped<Series>(`/v1/workers/${encodeURIComponent(worker)}/series`, signal),
    refetchInterval: IDLE_MS,
    retry: false,
  })

export interface RackEvent {
  id: string
  at: string
  level: 'info' | 'warning' | 'error'
  text: string
}

export const eventsOf = queryOptions({
  queryKey: ['rack', 'events'],
  queryFn: async ({ signal }) => (await untyped<{ events: RackEvent[] }>('/v1/events', signal)).events,
  refetchInterval: IDLE_MS,
  retry: false,
})

export interface HostFindings {
  host: string
  at: string
  worst: string
  findings: { level: string; subject: string; text: string; advice: string }[]
}

export const doctorOf = queryOptions({
  queryKey: ['rack', 'doctor'],
  queryFn: async ({ signal }) => (await untyped<{ hosts: HostFindings[] }>('/v1/doctor', signal)).hosts,
  refetchInterval: IDLE_MS * 6,
  retry: false,
})

/** Routes that the description the types were written from may not have yet. */
async function untyped<T>(path: string, signal: AbortSignal): Promise<T> {
  return await got(api.GET(path as never, { signal } as never) as Promise<{ data?: T }>)
}

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
