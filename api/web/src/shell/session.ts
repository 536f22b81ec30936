// Who is here: asked once, and again whenever the API says that nobody is. Without keys everybody is the same person.
import { useQuery } from '@tanstack/react-query'
import { api, onStranger, type Schemas } from '~/api/client'
import { ApiAway } from '~/api/errors'
import { leave, queryClient, session } from '~/api/queries'
import { forget } from '~/jobs/feed'
import { arrive, erase } from '~/keep/person'
import { isLeaving, keepSession, setLeaving } from '~/keep/session'
import { told } from '~/parts/Trouble'
import { words } from '~/strings'
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
  if (isLeaving()) await leave()
  const { data } = await api.POST('/v1/session', { body: { key } })
  if (!data) return
  setLeaving(false)
  // What this page has in mind of another person goes with the page.
  if (await arrive(data.person)) return location.reload()
  keepSession(data)
  nowIs(data)
}

/** Leave, and leave nothing behind in this browser; while the rack is away it is told later, before anything else. */
export async function signOut(): Promise<void> {
  setLeaving(true)
  let isTold = true
  try {
    await leave()
  } catch (error) {
    if (!(error instanceof ApiAway)) {
      setLeaving(false)
      toast(told(error, words()), { tone: 'bad' })
      return
    }
    isTold = false
  }
  await erase()
  // The page begins anew, with nothing in mind; where there is nothing to begin with, the door is shown.
  if (isTold) return location.assign(import.meta.env.BASE_URL)
  nowIs(null)
}

/** Everything that was answered to another is forgotten. The session's own question stays: the door looks at it. */
function nowIs(data: Schemas['SessionState'] | null): void {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== session.queryKey[0] })
  forget()
  queryClient.setQueryData(session.queryKey, data)
}

/** A session that ended elsewhere: back to the door, where the same person finds everything as it was. */
onStranger(() => queryClient.setQueryData(session.queryKey, null))
