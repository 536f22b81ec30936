// The cache of what the API said, and the questions that several screens ask. One place decides how old is too old.
import { QueryClient, queryOptions } from '@tanstack/react-query'
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
    queries: { staleTime: FRESH_MS, retry: isWorthAnotherTry, refetchOnWindowFocus: true },
    mutations: { retry: false },
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

export const session = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    try {
      return await got(api.GET('/v1/session', { signal }))
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null
      throw error
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
})
