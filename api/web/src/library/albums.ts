// Albums: which there are, making one, putting pictures in.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'

export type Album = Schemas['AlbumView']

const PAGE = 1000

export const albumsOf = queryOptions({
  queryKey: ['albums'],
  queryFn: async ({ signal }) => {
    const found: Album[] = []
    let cursor = ''
    do {
      const page = await got(api.GET('/v1/albums', { params: { query: { limit: PAGE, cursor } }, signal }))
      found.push(...page.albums)
      cursor = page.next_cursor ?? ''
    } while (cursor)
    return found
  },
})

export const albumOf = (id: string) =>
  queryOptions({
    queryKey: ['albums', id],
    queryFn: async ({ signal }) =>
      await got(api.GET('/v1/albums/{album_id}', { params: { path: { album_id: id } }, signal })),
    enabled: id !== '',
  })

/** Albums that pictures can be put into. */
export function useOpenAlbums(): Album[] {
  return (useQuery(albumsOf).data ?? []).filter(album => album.kind === 'manual' && album.may !== 'view')
}

export async function makeAlbum(name: string, rules?: string): Promise<Album> {
  const body = { name, ...(rules !== undefined && { rules: { q: rules } }) }
  const made = await got(api.POST('/v1/albums', { body }))
  await queryClient.invalidateQueries({ queryKey: ['albums'] })
  return made
}

export async function editAlbum(
  album: Album,
  fields: { name?: string; description?: string; cover?: string },
): Promise<void> {
  const { id, version } = album
  await api.PATCH('/v1/albums/{album_id}', {
    params: { path: { album_id: id } },
    body: { ...fields, version },
  })
  await queryClient.invalidateQueries({ queryKey: ['albums'] })
}

export async function deleteAlbum(id: string): Promise<void> {
  await api.DELETE('/v1/albums/{album_id}', { params: { path: { album_id: id } } })
  await queryClient.invalidateQueries({ queryKey: ['albums'] })
}
