// Who is here: asked once, and again whenever the API says that nobody is. Without keys everybody is the same person.
import { useQuery } from '@tanstack/react-query'
import { api, onStranger } from '~/api/client'
import { ApiError } from '~/api/errors'
import { queryClient, session } from '~/api/queries'
import { arrive, erase, onOther } from '~/keep/person'
import { told } from '~/parts/Trouble'
import { words } from '~/strings'
import { hrefOf, to } from './router'
import { toast } from './toasts'

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
  // What another person's page still holds in memory goes with that page.
  if (await arrive(data.person)) return location.reload()
  queryClient.setQueryData(session.queryKey, data)
}

/** Leave, and leave nothing behind in this browser: neither in its stores nor in this page's memory. */
export async function signOut(): Promise<void> {
  try {
    await api.DELETE('/v1/session', {})
  } catch (error) {
    // Only the API can take the cookie away. One that knows of no session has.
    if (!(error instanceof ApiError && error.status === 401)) return void toast(told(error, words()), { tone: 'bad' })
  }
  await erase()
  location.assign(hrefOf(to.studio()))
}

/** A session that ended elsewhere: back to the door, where the same person finds everything as it was. */
onStranger(() => queryClient.setQueryData(session.queryKey, null))

/** A cookie is this browser's: who came or left in another tab came or left here too. */
onOther(() => location.reload())
