// The door: shows the page to whoever is let in, and a field for the key to whoever is not.
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useConnection } from '~/api/away'
import { ApiAway, ApiError } from '~/api/errors'
import { session } from '~/api/queries'
import { arrive } from '~/keep/person'
import { Button } from '~/parts/Button'
import { Trouble, told } from '~/parts/Trouble'
import { useWords } from '~/strings'
import { whenIdle } from './idle'
import { signIn } from './session'

export function SignedIn({ children }: { children: ReactNode }) {
  const words = useWords().shell
  const { data, error, refetch } = useQuery(session)
  const [isReady, setReady] = useState(false)
  const person = data?.person
  const returns = useConnection(connection => connection.returns)
  const shown = useRef(person)
  useEffect(() => {
    setReady(false)
    if (person === undefined) return
    // What this page has in mind of another person goes with the page.
    const isAnother = shown.current !== undefined && shown.current !== person
    shown.current = person
    void opening(person).finally(() => (isAnother ? location.reload() : setReady(true)))
  }, [person])
  // A page that was opened while the API was away, with nobody in mind.
  useEffect(() => {
    if (returns > 0) void refetch()
  }, [returns, refetch])
  if (data === null) return <SignIn />
  if (error && !(error instanceof ApiAway) && !data) {
    return (
      <div className="mx-auto mt-[20vh] max-w-md px-6">
        <Trouble error={error} onRetry={() => void refetch()} />
      </div>
    )
  }
  if (!data || !isReady) return <p className="sr-only">{words.loading}</p>
  return children
}

/** Only after this may a screen open its stores: those of another person are gone by then. */
async function opening(person: string): Promise<void> {
  await arrive(person)
  const keep = async () => (await import('~/keep/kept')).keepFor(person)
  if (useConnection.getState().awaySinceMs === null) whenIdle(keep)
  else await keep()
}

function SignIn() {
  const words = useWords()
  const [key, setKey] = useState('')
  const [trouble, setTrouble] = useState('')
  const [isAsking, setAsking] = useState(false)
  const send = async (event: FormEvent) => {
    event.preventDefault()
    setAsking(true)
    setTrouble('')
    try {
      await signIn(key.trim())
    } catch (error) {
      setTrouble(error instanceof ApiError && error.status === 401 ? words.shell.signIn.wrong : told(error, words))
    } finally {
      setAsking(false)
    }
  }
  return (
    <main className="flex flex-1 items-center justify-center px-6">
      <form onSubmit={send} className="card w-full max-w-sm space-y-4 p-8 shadow-lift">
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={40} height={40} />
        <h1 className="text-3xl">{words.shell.signIn.title}</h1>
        <p className="text-soft">{words.shell.signIn.text}</p>
        <label className="block space-y-1">
          <span className="label">{words.shell.signIn.key}</span>
          <input
            className="field font-mono"
            type="password"
            autoComplete="current-password"
            required
            maxLength={500}
            value={key}
            onChange={event => setKey(event.target.value)}
            aria-invalid={trouble !== ''}
            aria-describedby="key-trouble"
          />
        </label>
        <p id="key-trouble" role="alert" className="text-sm text-bad empty:hidden">
          {trouble}
        </p>
        <Button weight="strong" type="submit" className="w-full" disabled={isAsking}>
          {words.shell.signIn.go}
        </Button>
        <p className="label">{words.shell.signIn.hint}</p>
      </form>
    </main>
  )
}
