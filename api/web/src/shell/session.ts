// Who is here: asked once, and again whenever the API says that nobody is. Without keys everybody is the same person.
import { useQuery } from '@tanstack/react-query'
import { api } from '~/api/client'
import { queryClient, session } from '~/api/queries'
import { forget } from '~/jobs/feed'
import { arrive, erase } from '~/keep/person'

/** The person of this browser and the way out. Only below the door (`SignedIn`), where somebody is. */
export function useSession() {
  const { data } = useQuery(session)
  return {
    person: data?.person ?? '',
    role: data?.role ?? 'viewer',
    /** Whether one came by a sign-in that can be ended; false: the rack asks for no keys. */
    hasCookie: Boolean(data?.session),
    sessions: data?.sessions ?? [],
    signOut,
  }
}

/** Come in with a key.
 *
 * @throws ApiError 401 it opens nothing; 429 too many tries. */
export async function signIn(key: string): Promise<void> {
  const { data } = await api.POST('/v1/session', { body: { key } })
  if (!data) return
  await arrive(data.person)
  queryClient.clear()
  forget()
  queryClient.setQueryData(session.queryKey, data)
}

/** Leave, and leave nothing behind in this browser. */
export async function signOut(): Promise<void> {
  await api.DELETE('/v1/session', {})
  queryClient.clear()
  forget()
  await erase()
  queryClient.setQueryData(session.queryKey, null)
}
