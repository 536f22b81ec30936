// What a picture costs on a card, where the card counts it: the mean of the jobs that the page knows.
import type { Job } from '~/jobs/feed'

/** Joules of a picture by what a job's result or an asset's details say; null: they do not. Pure. */
export function joulesIn(said: Readonly<Record<string, unknown>> | null | undefined): number | null {
  const joules = said?.energy_per_picture_j
  return typeof joules === 'number' && Number.isFinite(joules) ? joules : null
}

/** Joules a picture of a worker's known jobs; null: none of them says. Pure. */
export function energyOf(jobs: readonly Job[], worker: string): number | null {
  const known = jobs.flatMap(job => (job.worker === worker ? (joulesIn(job.result) ?? []) : []))
  return known.length > 0 ? known.reduce((sum, each) => sum + each, 0) / known.length : null
}
