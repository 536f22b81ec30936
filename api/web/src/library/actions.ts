// What can be done with pictures by name (enhance, remix, restyle, describe), and having them looked at. The server says
// which there are; the page only shows them.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, got } from '~/api/client'
import { lookSoon } from '~/jobs/feed'
import { told } from '~/parts/Trouble'
import { to } from '~/shell/router'
import { toast } from '~/shell/toasts'
import { counted, words } from '~/strings'

export interface Preset {
  name: string
  title: string
  summary: string
}

export interface Action {
  name: string
  title: string
  summary: string
  kind: string
  makes: 'pictures' | 'words'
  presets: Preset[]
  default_preset: string | null
  max_ids: number
}

const actionsOf = queryOptions({
  queryKey: ['actions'],
  queryFn: async ({ signal }) =>
    (await got(api.GET('/v1/actions' as never, { signal } as never) as Promise<{ data?: { actions: Action[] } }>))
      .actions,
  staleTime: 300_000,
  retry: false,
})

/** The server's actions; none where it has none. */
export function useActions(): Action[] {
  return useQuery(actionsOf).data ?? []
}

/** Do it with these assets, as one batch. Says what became of it. */
export async function act(action: Action, ids: readonly string[], preset: string | null): Promise<string | null> {
  const { library } = words()
  try {
    const body = { ids, ...(preset && { preset }), name: action.title }
    const headers = { 'Idempotency-Key': crypto.randomUUID?.() ?? String(Math.random()) }
    const batch = await got(
      api.POST(`/v1/actions/${action.name}` as never, { body, headers } as never) as Promise<{ data?: { id: string } }>,
    )
    toast(library.sent(action.title, counted(ids.length), ids.length), { tone: 'good' })
    lookSoon()
    return batch?.id ?? null
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return null
  }
}

/** Have assets looked at, or looked at again: caption, tags, rating. */
export async function lookAgain(chosen: { ids: string[] } | { filter: Record<string, unknown> }): Promise<boolean> {
  const { library } = words()
  try {
    const done = await got(
      api.POST('/v1/assets/analyze' as never, { body: chosen } as never) as Promise<{
        data?: { matched: number; analysis: { reason: string | null } }
      }>,
    )
    toast(done?.analysis.reason ?? library.looking(counted(done?.matched ?? 0), done?.matched ?? 0))
    return true
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return false
  }
}

/** Where the Studio is opened with what made a picture. `what`: everything, its prompt, its seed, or the picture itself. */
export function studioWith(what: 'all' | 'prompt' | 'seed' | 'start', assetId: string): string {
  return `${to.studio()}?${what}=${assetId}`
}
