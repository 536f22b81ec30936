// The cache of what the API said, and the questions that several screens ask. One place decides how old is too old.
import { QueryClient, queryOptions } from '@tanstack/react-query'
import { isLeaving, keepSession, keptSession, setLeaving } from '~/keep/session'
import { api, got } from './client'
import { ApiAway, ApiError } from './errors'

const FRESH_MS = 15_000

/** Asked again only where that can help; a refusal stays one. Pure. */
export function isWorthAnotherTry(failures: number, error: Error): boolean {
  if (error instanceof ApiAway) return false // `away` looks, and asks everything again when it is back
  return error instanceof ApiError && error.retryable && failures < 2
}

export const queryClient = new QueryClient({
  defaultOptions: {
    // Asked without a line too: the answer is that the API is away, and the page says so and shows what it has.
    queries: { staleTime: FRESH_MS, retry: isWorthAnotherTry, refetchOnWindowFocus: true, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
})

export const models = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/models', { signal }))).models,
  staleTime: 60_000,
})

export const presets = queryOptions({
  queryKey: ['presets'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/presets', { signal }))).presets,
})

/** Who is here; null: nobody. While the API is away, whoever was here the last time. */
export const session = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    try {
      if (isLeaving()) await leave()
      const found = await got(api.GET('/v1/session', { signal }))
      keepSession(found)
      return found
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null
      if (!(error instanceof ApiAway)) throw error
      if (isLeaving()) return null
      const kept = keptSession()
      if (kept) return kept
      throw error
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
})

/** End the session; one that is none any more is ended.
 *
 * @throws ApiAway the rack has not heard of it. */
export async function leave(): Promise<void> {
  try {
    await api.DELETE('/v1/session', {})
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) throw error
  }
  setLeaving(false)
}
