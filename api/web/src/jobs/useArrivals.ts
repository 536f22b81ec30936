// What jobs bring into the library shows where somebody looks: when one ends, pictures, families and earlier prompts are asked
// for again, on whatever screen that is.
//
// The library hears of an end a moment after the job's record says so, hence the pause; jobs that end together share it.
import { useEffect } from 'react'
import { queryClient } from '~/api/queries'
import { type Feed, isOpen, useFeed } from './feed'

const PAUSE_MS = 1500
const FED = ['assets', 'asset', 'prompts'] as const

/** Whether a job ended between two looks; one that was never seen running counts, what an empty page finds does not. Pure. */
export function hasEnded(feed: Pick<Feed, 'jobs'>, before: Pick<Feed, 'jobs' | 'order'>): boolean {
  if (before.order.length === 0) return false
  return Object.values(feed.jobs).some(job => {
    const was = before.jobs[job.id]
    return job !== was && !isOpen(job) && (was === undefined || isOpen(was))
  })
}

export function useArrivals(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null
    const ask = () => {
      timer = null
      for (const key of FED) void queryClient.invalidateQueries({ queryKey: [key] })
    }
    const stop = useFeed.subscribe((feed, before) => {
      if (feed.jobs !== before.jobs && timer === null && hasEnded(feed, before)) timer = setTimeout(ask, PAUSE_MS)
    })
    return () => {
      stop()
      if (timer !== null) clearTimeout(timer)
    }
  }, [])
}
