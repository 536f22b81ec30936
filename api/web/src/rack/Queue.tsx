// What runs and what waits, in the order of arrival, and what can be done about it; what failed lately, to run again.
import { useQuery } from '@tanstack/react-query'
import { ArrowUpToLine, Pause, Play, RotateCcw, X } from 'lucide-react'
import { api, got, type Schemas } from '~/api/client'
import { learn, useFeed } from '~/jobs/feed'
import { Button } from '~/parts/Button'
import { useSession } from '~/shell/session'
import { lasting, useWords } from '~/strings'
import { failedOf, queueOf, tell } from './asks'
import { Section } from './RackScreen'

type Entry = Schemas['QueueEntry']
type Priority = Schemas['Priority']

const PRIORITIES: readonly Priority[] = ['high', 'normal', 'low']

export function Queue() {
  const words = useWords().rack.queue
  const { data } = useQuery(queueOf)
  const failed = useQuery(failedOf)
  const entries = [...(data?.running ?? []), ...(data?.queued ?? [])]
  const hasMine = data?.queued.some(entry => entry.mine)
  const broken = (failed.data ?? []).flatMap(job => ('kind' in job && !job.retried_as ? [job] : []))
  return (
    <Section title={words.title}>
      <div className="card divide-y divide-line">
        {entries.length === 0 && <p className="p-4 text-soft">{words.none}</p>}
        {/* What is not theirs has no name: its place is all that tells it apart. */}
        {entries.map((entry, at) => (
          <Waiting key={entry.id ?? `other-${at}`} entry={entry} />
        ))}
      </div>
      {hasMine && (
        <Button
          className="text-sm"
          onClick={() =>
            void tell(
              api.POST('/v1/jobs/cancel', { body: { filter: { mine: true, state: 'queued' } } }),
              words.cancelledAll,
            )
          }
        >
          {words.cancelAll}
        </Button>
      )}
      {broken.length > 0 && (
        <>
          <h3 className="eyebrow pt-2 font-sans">{words.failed}</h3>
          <ul className="card divide-y divide-line">
            {broken.slice(0, 8).map(job => (
              <li key={job.id} className="flex items-center gap-3 px-4 py-2 text-sm">
                <span className="min-w-0 flex-1">
                  <span className="block truncate">{promptOf(job.params) || job.model}</span>
                  <span className="block truncate text-bad" title={job.error?.message}>
                    {job.error?.message}
                  </span>
                </span>
                <Button
                  weight="quiet"
                  aria-label={`${words.again}: ${job.id}`}
                  title={words.again}
                  onClick={() =>
                    void tell(api.POST('/v1/jobs/{job_id}/retry', { params: { path: { job_id: job.id } } }), '')
                  }
                >
                  <RotateCcw aria-hidden size={16} />
                </Button>
              </li>
            ))}
          </ul>
        </>
      )}
    </Section>
  )
}

function promptOf(params: Readonly<Record<string, unknown>> | undefined): string {
  return typeof params?.prompt === 'string' ? params.prompt : ''
}

function Waiting({ entry }: { entry: Entry }) {
  const words = useWords().rack.queue
  const job = useFeed(feed => (entry.id ? feed.jobs[entry.id] : undefined))
  const { role } = useSession()
  const operates = role === 'operator' || role === 'admin'
  const { id } = entry
  const isQueued = entry.state === 'queued' || entry.state === 'waiting'
  const change = (body: Schemas['JobChange']) => {
    const params = { path: { job_id: id ?? '' } }
    void tell(
      got(api.PATCH('/v1/jobs/{job_id}', { params, body })).then(changed => learn([changed])),
      '',
    )
  }
  const facts = [
    entry.size,
    entry.owner && !entry.mine && words.of(entry.owner),
    !isQueued && entry.priority && entry.priority !== 'normal' && `${words.priority}: ${words[entry.priority]}`,
    job?.held && words.held,
    entry.eta_s !== null && (entry.eta_s < 0.5 ? words.soon : words.eta(lasting(entry.eta_s))),
  ]
  return (
    <div className="flex flex-wrap items-center justify-end gap-2 px-4 py-2 text-sm">
      <div className="min-w-48 flex-1">
        <p className="truncate">
          {id ? (
            promptOf(job?.params) || `${entry.kind} · ${entry.model ?? ''}`
          ) : (
            <span className="text-soft">{words.hidden}</span>
          )}
        </p>
        <p className="label break-words">
          {[...facts, !job?.held && job?.queue?.waits?.message].filter(Boolean).join(' · ')}
        </p>
      </div>
      {id && isQueued && (
        <>
          <select
            aria-label={`${words.priority}: ${id}`}
            title={words.priority}
            className="rounded-lg border border-edge/60 bg-surface px-1 py-1 text-sm"
            value={entry.priority ?? 'normal'}
            onChange={event => change({ priority: event.target.value as Priority })}
          >
            {PRIORITIES.map(priority => (
              <option key={priority} value={priority}>
                {words[priority]}
              </option>
            ))}
          </select>
          <Button
            weight="quiet"
            aria-label={`${operates ? words.frontOfAll : words.front}: ${id}`}
            title={operates ? words.frontOfAll : words.front}
            onClick={() => change({ front: operates ? 'all' : true })}
          >
            <ArrowUpToLine aria-hidden size={16} />
          </Button>
          <Button
            weight="quiet"
            aria-label={`${job?.held ? words.release : words.hold}: ${id}`}
            title={job?.held ? words.release : words.hold}
            onClick={() => change({ held: !job?.held })}
          >
            {job?.held ? <Play aria-hidden size={16} /> : <Pause aria-hidden size={16} />}
          </Button>
        </>
      )}
      {id && (
        <Button
          weight="quiet"
          className="hover:text-bad"
          aria-label={`${words.cancel}: ${id}`}
          title={words.cancel}
          onClick={() => void tell(api.DELETE('/v1/jobs/{job_id}', { params: { path: { job_id: id } } }), '')}
        >
          <X aria-hidden size={16} />
        </Button>
      )}
    </div>
  )
}
