// The frame around every screen: navigation, banners, keys; and what happens when the API comes back.
import { QueryClientProvider } from '@tanstack/react-query'
import { Suspense, useEffect, useRef, useState } from 'react'
import { useConnection } from '~/api/away'
import { queryClient } from '~/api/queries'
import { usePolling } from '~/jobs/feed'
import { useArrivals } from '~/jobs/useArrivals'
import { useMilestones } from '~/jobs/useMilestones'
import { useWords } from '~/strings'
import { AwayBanner, Speech, Toasts } from './Banners'
import { ErrorBoundary } from './ErrorBoundary'
import { whenIdle } from './idle'
import { Missing } from './Missing'
import { Nav } from './Nav'
import { useAddress } from './router'
import { routeOf } from './routes'
import { ShortcutSheet } from './ShortcutSheet'
import { SignedIn } from './SignedIn'
import { useSession } from './session'
import { dispatch, useShortcut } from './shortcuts'
import { useTitle } from './title'
import { toast } from './toasts'
import { useShared } from './useShared'

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <div className="flex h-dvh flex-col">
        <AwayBanner />
        <SignedIn>
          <Frame />
        </SignedIn>
        <Speech />
      </div>
    </QueryClientProvider>
  )
}

function Frame() {
  const words = useWords().shell
  const { path } = useAddress()
  const { person } = useSession()
  const [showsKeys, setShowsKeys] = useState(false)
  const route = routeOf(path)
  useEffect(() => {
    document.addEventListener('keydown', dispatch)
    return () => document.removeEventListener('keydown', dispatch)
  }, [])
  useShortcut('?', words.shortcuts.open, () => setShowsKeys(true))
  useHealing(words.away.back)
  useShared()
  useUploadsGoOn()
  usePolling(person)
  useMilestones(person)
  useTitle(path, person)
  useArrivals()
  return (
    <>
      <a
        href="#screen"
        className="sr-only focus:not-sr-only focus:absolute focus:z-20 focus:bg-accent focus:p-3 focus:text-on-accent"
      >
        {words.skip}
      </a>
      <div className="flex min-h-0 flex-1 max-md:flex-col">
        <Nav onKeys={() => setShowsKeys(true)} />
        <div className="flex min-h-0 min-w-0 flex-1 flex-col">
          <main id="screen" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto outline-none">
            <ErrorBoundary of={path}>
              <Suspense fallback={<p className="p-8 text-soft">{words.loading}</p>}>
                {route ? <route.Screen key={route.pattern} params={route.params} /> : <Missing />}
              </Suspense>
            </ErrorBoundary>
          </main>
          <Toasts />
        </div>
      </div>
      {showsKeys && <ShortcutSheet onClose={() => setShowsKeys(false)} />}
    </>
  )
}

/** Files that an earlier page left are sent on, whichever screen is open. */
function useUploadsGoOn(): void {
  const { person } = useSession()
  useEffect(() => {
    whenIdle(() => import('~/uploads/queue').then(queue => queue.openUploads(person)))
  }, [person])
}

/** When the API is back, everything on screen is asked again. */
function useHealing(said: string): void {
  const returns = useConnection(connection => connection.returns)
  const seen = useRef(returns)
  useEffect(() => {
    if (seen.current === returns) return
    seen.current = returns
    void queryClient.invalidateQueries()
    toast(said, { tone: 'good' })
  }, [returns, said])
}
