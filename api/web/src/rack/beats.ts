// How often the rack's screen asks: quickly while something runs, at leisure while somebody is here, hardly ever in a tab
// that is only open. There the moment alone is asked for; what it tells of a change is why all else is asked again.
//
// With the page's other questions an idle tab so costs less than one request in 10 s, one with running jobs less than two
// a second, also with four cards (`tests/bench/bench_page.py` counts them).
import type { Schemas } from '~/api/client'

type Status = Schemas['SystemStatus']

/** Milliseconds between two questions. */
interface Beat {
  busy: number
  here: number
  alone: number
}

const SELDOM = 600_000

export const BEATS = {
  status: { busy: 5000, here: 10_000, alone: 40_000 },
  queue: { busy: 10_000, here: 10_000, alone: SELDOM },
  batches: { busy: 10_000, here: 10_000, alone: SELDOM },
  failed: { busy: 30_000, here: 30_000, alone: SELDOM },
  series: { busy: 30_000, here: 20_000, alone: SELDOM },
  events: { busy: 30_000, here: 20_000, alone: SELDOM },
  doctor: { busy: 60_000, here: 60_000, alone: SELDOM },
  audit: { busy: 60_000, here: 30_000, alone: SELDOM },
  usage: { busy: 60_000, here: 60_000, alone: SELDOM },
} satisfies Record<string, Beat>

export function isBusy(status: Status): boolean {
  return status.workers.some(({ running, others_jobs }) => running.length + others_jobs > 0)
}

/** Pause until the next question, in milliseconds. Pure. */
export function pauseMs(beat: Beat, status: Status | undefined, isHere: boolean): number {
  if (status && isBusy(status)) return beat.busy
  return isHere ? beat.here : beat.alone
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
