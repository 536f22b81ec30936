// How often the rack's screen asks: quickly while something runs, hardly ever while nothing does. Then the moment alone is
// asked for; what it tells of a change, or somebody who comes back to the tab, is why all else is asked again.
//
// With the page's other questions an idle tab so costs less than one request in 10 s, one with running jobs less than two
// a second, also with four cards (`tests/bench/bench_page.py` counts them).
import type { Schemas } from '~/api/client'

type Status = Schemas['SystemStatus']

/** Milliseconds between two questions. */
interface Beat {
  busy: number
  idle: number
}

const SELDOM = 900_000

export const BEATS = {
  status: { busy: 5000, idle: 30_000 },
  queue: { busy: 10_000, idle: SELDOM },
  batches: { busy: 10_000, idle: SELDOM },
  failed: { busy: 30_000, idle: SELDOM },
  series: { busy: 30_000, idle: SELDOM },
  events: { busy: 30_000, idle: SELDOM },
  doctor: { busy: 60_000, idle: SELDOM },
  audit: { busy: 60_000, idle: SELDOM },
  usage: { busy: 60_000, idle: SELDOM },
} satisfies Record<string, Beat>

/** What a card tells is a beat old: a job that has just begun is counted before its card shows it. */
function isBusy({ workers, jobs }: Status): boolean {
  return (jobs.running ?? 0) > 0 || workers.some(({ running, others_jobs }) => running.length + others_jobs > 0)
}

/** Pause until the next question, in milliseconds. Pure. */
export function pauseMs(beat: Beat, status: Status | undefined): number {
  return status && isBusy(status) ? beat.busy : beat.idle
}

/** Whether a moment tells that everything is to be asked again. While work goes on, everything is asked often anyway. Pure. */
export function isNews(was: Status, is: Status): boolean {
  return !(isBusy(was) && isBusy(is)) && gist(was) !== gist(is)
}

/** Who is there, what runs, waits, has ended and lies in memory. */
function gist({ workers, queues, jobs }: Status): string {
  const cards = workers.map(({ name, state, running, others_jobs, resident }) => [
    name,
    state,
    running.map(({ id }) => id),
    others_jobs,
    resident.map(({ model }) => model),
  ])
  return JSON.stringify([cards, queues, jobs])
}
