// Milestones of one's jobs, spoken politely: sent, half way, ready, failed.
import { useEffect } from 'react'
import { say } from '~/shell/speech'
import { words } from '~/strings'
import { type Job, useFeed } from './feed'
import { picturesOf } from './pictures'

const HALF_PERCENT = 50

/** What to say when a job went from one state to another; null: nothing. Pure but for the language. */
export function milestone(was: Job | undefined, is: Job): string | null {
  const { said } = words().studio
  if (is.kind !== 'generate') return null
  if (!was) return is.state === 'queued' ? said.queued : null
  if (was.state !== is.state) {
    if (is.state === 'succeeded') return said.done(picturesOf(is).length)
    if (is.state === 'failed') return said.failed(is.error?.message ?? '')
    return null
  }
  const before = was.progress?.percent ?? 0
  return before < HALF_PERCENT && (is.progress?.percent ?? 0) >= HALF_PERCENT ? said.half : null
}

export function useMilestones(person: string): void {
  useEffect(
    () =>
      useFeed.subscribe((feed, before) => {
        if (feed.jobs === before.jobs) return
        const isFirstLook = before.order.length === 0
        for (const id of feed.order) {
          const job = feed.jobs[id]
          if (!job || job === before.jobs[id] || isFirstLook || job.owner !== person) continue
          const text = milestone(before.jobs[id], job)
          if (text) say(text)
        }
      }),
    [person],
  )
}
