// Everything about one picture, as the API has it.
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'

export type Asset = Schemas['AssetView']

const LOOKS_MS = 4000

export const assetOf = (id: string) =>
  queryOptions({
    queryKey: ['asset', id],
    queryFn: async ({ signal }) =>
      await got(api.GET('/v1/assets/{asset_id}', { params: { path: { asset_id: id } }, signal })),
    placeholderData: keepPreviousData,
    // While somebody looks at it for caption and tags, they may come any moment.
    refetchInterval: ({ state }) =>
      ['waiting', 'running'].includes(state.data?.analysis.state ?? '') ? LOOKS_MS : false,
  })

/** What the library hears of a job's end comes a moment later: so often it is asked, once a second. */
const TRIES = 10

/** Id of the asset that has a stored picture; null: the library does not know one (yet). */
export const assetWith = (picture: string) =>
  queryOptions({
    queryKey: ['asset', 'with', picture],
    queryFn: async ({ signal }) =>
      (await got(api.GET('/v1/assets', { params: { query: { picture, limit: 1 } }, signal }))).assets[0]?.id ?? null,
    refetchInterval: ({ state }) => (state.data === null && state.dataUpdateCount < TRIES ? 1000 : false),
  })

export const lineageOf = (id: string) =>
  queryOptions({
    queryKey: ['asset', id, 'lineage'],
    queryFn: async ({ signal }) =>
      await got(api.GET('/v1/assets/{asset_id}/lineage', { params: { path: { asset_id: id } }, signal })),
  })

export async function assetChanged(id: string): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['asset', id] })
}
