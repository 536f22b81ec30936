// Batches: how far they are, what failed and why, and how to go on.
import { useQuery } from '@tanstack/react-query'
import { Images, RotateCcw, X } from 'lucide-react'
import { api, type Schemas } from '~/api/client'
import { Button } from '~/parts/Button'
import { Link } from '~/shell/Link'
import { to } from '~/shell/router'
import { counted, lasting, moment, useWords } from '~/strings'
import { batchesOf, tell } from './asks'
import { Section } from './RackScreen'

type Batch = Schemas['BatchView']

export function Batches() {
  const words = useWords().rack.batches
  const { data } = useQuery(batchesOf)
  return (
    <Section title={words.title}>
      <ul className="card divide-y divide-line">
        {data?.length === 0 && <li className="p-4 text-soft">{words.none}</li>}
        {data?.map(batch => (
          <li key={batch.id} className="px-4 py-3 text-sm">
            <One batch={batch} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

function One({ batch }: { batch: Batch }) {
  const { rack } = useWords()
  const words = rack.batches
  const path = { batch_id: batch.id }
  const failed = batch.failures.reduce((sum, { count }) => sum + count, 0)
  const done = Object.entries(batch.counts)
    .filter(([state]) => ['succeeded', 'failed', 'cancelled', 'skipped'].includes(state))
    .reduce((sum, [, count]) => sum + count, 0)
  return (
    <>
      <div className="flex items-center gap-2">
        <span className="min-w-0 flex-1 truncate font-semibold">{batch.name || batch.id}</span>
        <span className="label">{words.state[batch.state]}</span>
        <Link
          to={to.gallery(new URLSearchParams({ q: `batch:${batch.id}` }).toString())}
          aria-label={`${words.pictures}: ${batch.name || batch.id}`}
          title={words.pictures}
          className="grid size-8 place-items-center rounded-lg text-soft hover:text-ink"
        >
          <Images aria-hidden size={16} />
        </Link>
        {batch.state === 'running' && (
          <Button
            weight="quiet"
            className="hover:text-bad"
            aria-label={`${words.cancel}: ${batch.name || batch.id}`}
            title={words.cancel}
            onClick={() => void tell(api.POST('/v1/batches/{batch_id}/cancel', { params: { path } }), '')}
          >
            <X aria-hidden size={16} />
          </Button>
        )}
      </div>
      <div
        role="progressbar"
        aria-label={batch.name || batch.id}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(batch.percent)}
        className="my-1.5 h-1.5 overflow-hidden rounded-full bg-raised"
      >
        <div className={`h-full ${failed ? 'bg-bad' : 'bg-accent'}`} style={{ width: `${batch.percent}%` }} />
      </div>
      <p className="label">
        {words.counts(counted(done), counted(batch.total))} · {moment(batch.created_at)}
        {batch.eta_s !== null && ` · ${rack.queue.eta(lasting(batch.eta_s))}`}
        {batch.waits && ` · ${batch.waits.message}`}
      </p>
      {batch.failures.length > 0 && (
        <div className="mt-2">
          <ul aria-label={words.failures} className="space-y-0.5 text-bad">
            {batch.failures.map(({ code, count, message }) => (
              <li key={code + message} className="break-words">
                {counted(count)} × {message}
              </li>
            ))}
          </ul>
          {batch.state !== 'running' && (
            <Button
              className="mt-2 text-sm"
              onClick={() => void tell(api.POST('/v1/batches/{batch_id}/resume', { params: { path } }), '')}
            >
              <RotateCcw aria-hidden size={14} /> {words.resume}
            </Button>
          )}
        </div>
      )}
    </>
  )
}
