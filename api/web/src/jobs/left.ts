// When a running job will be ready, by how fast this page saw it go: nobody's clock but its own is asked.
import { useEffect, useRef, useState } from 'react'
import type { Job } from './feed'

/** A job's progress when it was seen. */
export interface Seen {
  atMs: number
  percent: number
}

/** Less than this says nothing of the pace. */
const LEAST_PERCENT = 3

/** Seconds until it is ready; null: it has not been watched for long enough. Pure. */
export function leftS(first: Seen, now: Seen): number | null {
  const gone = now.percent - first.percent
  if (gone < LEAST_PERCENT || now.atMs <= first.atMs) return null
  return ((100 - now.percent) * (now.atMs - first.atMs)) / gone / 1000
}

/** Seconds until a running job is ready, as far as its tile has watched it; null: nothing can be said. */
export function useLeft(job: Job): number | null {
  const first = useRef<Seen | null>(null)
  const [left, setLeft] = useState<number | null>(null)
  const isRunning = job.state === 'running' && job.progress?.phase === 'running'
  const percent = job.progress?.percent ?? 0
  useEffect(() => {
    const now = { atMs: performance.now(), percent }
    // Paused, started anew, or taken over: the pace is another one.
    if (!isRunning || (first.current && percent < first.current.percent)) first.current = null
    else first.current ??= now
    setLeft(first.current && leftS(first.current, now))
  }, [isRunning, percent])
  return left
}
