// What the rack's screen asks, and tells the workers. Asked again every few seconds while somebody looks.
import { queryOptions } from '@tanstack/react-query'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'
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
  queryFn: async ({ signal }) => await got(api.GET('/v1/queue', { params: { query: { limit: 100 } }, signal })),
  refetchInterval: ({ state }) => ((state.data?.running.length ?? 0) > 0 ? BUSY_MS : IDLE_MS),
})

export const batchesOf = queryOptions({
  queryKey: ['rack', 'batches'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/batches', { params: { query: { limit: 20 } }, signal }))).batches,
  refetchInterval: ({ state }) => (state.data?.some(batch => batch.state === 'running') ? BUSY_MS : IDLE_MS),
})

export const failedOf = queryOptions({
  queryKey: ['rack', 'failed'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/jobs', { params: { query: { state: 'failed', limit: 20 } }, signal }))).jobs,
  refetchInterval: IDLE_MS * 3,
})

export type Series = Schemas['WorkerSeries']

/** A worker's last hour, the oldest point first. */
export const seriesOf = (worker: string) =>
  queryOptions({
    queryKey: ['rack', 'series', worker],
    queryFn: async ({ signal }) =>
      await got(api.GET('/v1/workers/{name}/series', { params: { path: { name: worker } }, signal })),
    refetchInterval: IDLE_MS,
  })

export const eventsOf = queryOptions({
  queryKey: ['rack', 'events'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/events', { signal }))).events,
  refetchInterval: IDLE_MS,
})

export const doctorOf = queryOptions({
  queryKey: ['rack', 'doctor'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/doctor', { signal }))).hosts,
  refetchInterval: IDLE_MS * 6,
})

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
    void queryClient.invalidateQueries({ queryKey: ['rack'] })
  }
}
