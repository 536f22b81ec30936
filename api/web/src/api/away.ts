// Whether the API answers. When it does not, this asks `/healthz` less and less often until it does, and then all
// that is on screen is asked again: the page heals by itself.
import { create } from 'zustand'

const FIRST_LOOK_MS = 1000
const LAST_LOOK_MS = 10_000

interface Connection {
  /** Since when nothing answers; null: it answers. */
  awaySinceMs: number | null
  /** How often it came back since the page was opened; a change means: ask everything again. */
  returns: number
  /** Whether it is this device that has no line, as far as the browser knows. */
  isOffline: boolean
}

export const useConnection = create<Connection>(() => ({
  awaySinceMs: null,
  returns: 0,
  isOffline: navigator.onLine === false,
}))

let looking = false

window.addEventListener('online', () => useConnection.setState({ isOffline: false }))
window.addEventListener('offline', () => {
  useConnection.setState({ isOffline: true })
  // A rack on this very machine needs no line.
  void answers().then(isThere => !isThere && lost())
})

/** Pause before look number `looks` (0, 1, 2 …), in milliseconds. */
export function pauseMs(looks: number): number {
  return Math.min(LAST_LOOK_MS, FIRST_LOOK_MS * 1.6 ** looks)
}

/** Something did not answer: say so, and look until it does. */
export function lost(): void {
  if (useConnection.getState().awaySinceMs === null) useConnection.setState({ awaySinceMs: Date.now() })
  if (looking) return
  looking = true
  void lookUntilItAnswers()
}

async function lookUntilItAnswers(): Promise<void> {
  for (let looks = 0; ; looks += 1) {
    await lineOr(pauseMs(looks))
    if (await answers()) break
  }
  looking = false
  useConnection.setState(was => ({ awaySinceMs: null, returns: was.returns + 1 }))
}

/** Until the device has a line again, or so long at most. */
function lineOr(ms: number): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      window.removeEventListener('online', done)
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, ms)
    window.addEventListener('online', done)
  })
}

/** Until the API answers; at once where it does. */
export function untilItAnswers(signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (useConnection.getState().awaySinceMs !== null && !signal?.aborted) return
      stop()
      signal?.removeEventListener('abort', look)
      resolve()
    }
    const stop = useConnection.subscribe(look)
    signal?.addEventListener('abort', look)
    look()
  })
}

/** Whether the API answers at this moment. */
export async function answers(): Promise<boolean> {
  try {
    return (await fetch('/healthz', { cache: 'no-store' })).ok
  } catch {
    return false
  }
}
