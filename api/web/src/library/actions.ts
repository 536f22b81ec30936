// What can be done with pictures by name (enhance, remix, restyle, describe), and having them looked at. The server says
// which there are; the page only shows them.
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, freshKey, got, type Schemas } from '~/api/client'
import { lookSoon } from '~/jobs/feed'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { counted, words } from '~/strings'

export type Action = Schemas['ActionView']
/** Fields of an action's form that shall be otherwise than its preset says. */
export type Overrides = Readonly<Record<string, string | number>>

const actionsOf = queryOptions({
  queryKey: ['actions'],
  queryFn: async ({ signal }) => (await got(api.GET('/v1/actions', { signal }))).actions,
  staleTime: 300_000,
})

/** The server's actions; none until it has said which. */
export function useActions(): Action[] {
  return useQuery(actionsOf).data ?? []
}

/** Do it with these assets, as one batch. Says what became of it. */
export async function act(
  action: Action,
  ids: readonly string[],
  preset: string | null,
  overrides: Overrides = {},
): Promise<string | null> {
  const { library } = words()
  try {
    const body = { ids: [...ids], ...(preset && { preset }), overrides, name: action.title }
    const header = { 'Idempotency-Key': freshKey() }
    const batch = await got(
      api.POST('/v1/actions/{action}', { params: { path: { action: action.name }, header }, body }),
    )
    toast(library.sent(action.title, counted(ids.length), ids.length), { tone: 'good' })
    lookSoon()
    return 'id' in batch ? batch.id : null
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return null
  }
}

/** Have assets looked at, or looked at again: caption, tags, rating. */
export async function lookAgain(chosen: { ids: string[] } | { filter: Record<string, unknown> }): Promise<boolean> {
  const { library } = words()
  try {
    const { matched, analysis } = await got(api.POST('/v1/assets/analyze', { body: chosen }))
    toast(analysis.reason ?? library.looking(counted(matched), matched))
    return true
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return false
  }
}
