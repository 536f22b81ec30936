// How quickly an upload goes and how long it will take: over the last seconds, not since it began. Pure.

/** What was sent by then: [milliseconds, bytes]. */
export type Sample = readonly [atMs: number, bytes: number]

const WINDOW_MS = 8000

/** The samples with one more; those that are too old for the speed of now leave. */
export function sampled(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples.filter(([atMs]) => sample[0] - atMs <= WINDOW_MS), sample]
}

/** Bytes a second; null: too early to say. */
export function speedOf(samples: readonly Sample[]): number | null {
  const first = samples[0]
  const last = samples.at(-1)
  if (!first || !last || last[0] - first[0] < 500) return null
  return Math.max(0, (last[1] - first[1]) / ((last[0] - first[0]) / 1000))
}

/** Seconds until the rest is sent; null: nothing honest can be said. */
export function leftS(samples: readonly Sample[], remaining: number): number | null {
  const speed = speedOf(samples)
  return speed && speed > 0 ? remaining / speed : null
}
