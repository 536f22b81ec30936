// What becomes of what was asked for: open jobs as tiles in the order of their turn, developed pictures below, the newest
// first; on a fresh install three postcards to begin with.
import { isOpen, type Job, useFeed } from '~/jobs/feed'
import { picturesOf } from '~/jobs/pictures'
import { useSession } from '~/shell/session'
import { useWords } from '~/strings'
import { JobTile } from './JobTile'
import { PictureTile } from './PictureTile'
import { Welcome } from './Welcome'

/** Pictures of the results strip; the rest is in the gallery. */
const MOST_PICTURES = 60
const GRID = 'grid grid-cols-[repeat(auto-fill,minmax(min(11.5rem,45%),1fr))] gap-4'

export function Trays({ onBegin }: { onBegin: (prompt: string) => void }) {
  const words = useWords().studio
  const { person } = useSession()
  const { jobs, order, away } = useFeed()
  const mine = order.flatMap(id => jobs[id] ?? []).filter(job => job.kind === 'generate' && job.owner === person)
  const active = inOrder(mine.filter(job => isOpen(job) || (isTrouble(job) && !away[job.id]))).slice(0, MOST_PICTURES)
  const made = mine.flatMap(job => picturesOf(job).map(picture => ({ job, picture }))).slice(0, MOST_PICTURES)
  if (active.length === 0 && made.length === 0) return <Welcome onBegin={onBegin} />
  return (
    <div className="space-y-8">
      {active.length > 0 && (
        <section aria-labelledby="now">
          <h2 id="now" className="mb-3 text-xl">
            {words.now}
          </h2>
          <ul className={GRID}>
            {active.map(job => (
              <JobTile key={job.id} job={job} />
            ))}
          </ul>
        </section>
      )}
      {made.length > 0 && (
        <section aria-labelledby="made">
          <h2 id="made" className="mb-3 text-xl">
            {words.results}
          </h2>
          <ul className={GRID}>
            {made.map(({ job, picture }) => (
              <PictureTile key={job.id + picture.id} job={job} picture={picture} />
            ))}
          </ul>
        </section>
      )}
    </div>
  )
}

/** What runs stands first, what failed last, and what waits between them as it comes: the oldest first. Pure. */
export function inOrder(newestFirst: readonly Job[]): Job[] {
  const rank = (job: Job) => (job.state === 'running' ? 0 : isOpen(job) ? 1 : 2)
  return newestFirst.toReversed().sort((a, b) => rank(a) - rank(b))
}

function isTrouble(job: Job): boolean {
  return (job.state === 'failed' || job.state === 'cancelled') && !job.retried_as
}
