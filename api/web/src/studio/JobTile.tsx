// A job that has not ended, or ended without a picture: what one sees of it so far, how far it is, why it waits, who has it,
// and what can be done about it.
import { ArrowUpToLine, Pause, Play, RotateCcw, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { cancel, hold, putAway, runAgain, toFront } from '~/jobs/deeds'
import { isOpen, type Job, useFeed } from '~/jobs/feed'
import { useLeft } from '~/jobs/left'
import { Button } from '~/parts/Button'
import { lasting, useWords, type Words } from '~/strings'

export function JobTile({ job }: { job: Job }) {
  const words = useWords().studio
  const preview = useFeed(({ previews }) => previews[job.id])
  const percent = job.progress?.percent ?? 0
  const title = String(job.params.prompt ?? job.kind)
  const hasFailed = job.state === 'failed'
  const left = useLeft(job)
  return (
    <li className="card flex flex-col overflow-hidden">
      <div className="relative aspect-square overflow-hidden bg-ground">
        {preview ? (
          <img src={preview.data} alt="" className="size-full object-contain" />
        ) : (
          <div
            className={`size-full bg-[radial-gradient(circle_at_50%_60%,var(--glow),transparent_70%)] ${job.state === 'running' ? 'animate-pulse' : ''}`}
          />
        )}
      </div>
      {isOpen(job) && (
        <div
          role="progressbar"
          aria-label={title}
          aria-valuenow={percent}
          aria-valuetext={stateOf(job, words)}
          className="h-1 bg-raised"
        >
          <svg aria-hidden="true" width="100%" height="100%" preserveAspectRatio="none" viewBox="0 0 100 1">
            <rect width={percent} height="1" className="fill-accent transition-all" />
          </svg>
        </div>
      )}
      <div className="flex flex-1 flex-col gap-1 p-3 text-sm">
        <p className={`font-semibold ${hasFailed ? 'text-bad' : ''}`}>{stateOf(job, words)}</p>
        <p dir="auto" className="line-clamp-2 break-words text-soft">
          {title}
        </p>
        {linesOf(job, left, words).map(line => (
          <p key={line} className="label break-words">
            {line}
          </p>
        ))}
        <Deeds job={job} words={words} />
      </div>
    </li>
  )
}

function Deeds({ job, words }: { job: Job; words: Words['studio'] }) {
  const isQueued = job.state === 'queued' || job.state === 'waiting'
  return (
    <div className="mt-auto -ms-1.5 flex flex-wrap pt-1">
      {isOpen(job) && !job.cancel_requested && (
        <Deed label={words.cancel} onClick={() => void cancel(job.id)}>
          <X aria-hidden size={16} />
        </Deed>
      )}
      {isQueued && !job.held && (
        <>
          <Deed label={words.front} onClick={() => void toFront(job.id)}>
            <ArrowUpToLine aria-hidden size={16} />
          </Deed>
          <Deed label={words.hold} onClick={() => void hold(job.id, true)}>
            <Pause aria-hidden size={16} />
          </Deed>
        </>
      )}
      {isQueued && job.held && (
        <Deed label={words.release} onClick={() => void hold(job.id, false)}>
          <Play aria-hidden size={16} />
        </Deed>
      )}
      {!isOpen(job) && (
        <>
          <Deed label={words.again} onClick={() => void runAgain(job.id)}>
            <RotateCcw aria-hidden size={16} />
          </Deed>
          <Deed label={words.dismiss} onClick={() => putAway(job.id)}>
            <X aria-hidden size={16} />
          </Deed>
        </>
      )}
    </div>
  )
}

function Deed({ label, onClick, children }: { label: string; onClick: () => void; children: ReactNode }) {
  return (
    <Button weight="quiet" aria-label={label} title={label} onClick={onClick}>
      {children}
    </Button>
  )
}

/** What it does now, in a few words. Pure. */
export function stateOf(job: Job, words: Words['studio']): string {
  if (job.state === 'queued') return job.held ? words.held : words.queued
  if (job.state === 'waiting') return words.waiting
  if (job.state === 'failed') return words.failed
  if (job.state === 'cancelled') return words.cancelled
  if (job.cancel_requested) return words.stopping
  if (!job.progress || job.progress.phase === 'loading') return words.loading
  if (job.progress.phase === 'storing') return words.storing
  if (job.progress.phase === 'paused') return words.paused
  return words.step(job.progress.step, job.progress.steps)
}

/** The lines below: place and time, why it waits, who has it, what went wrong. Pure but for the language's numbers. */
export function linesOf(job: Job, leftS: number | null, words: Words['studio']): string[] {
  if (job.state === 'failed') return [job.error?.message ?? '']
  if (job.state === 'running') {
    const ready = leftS === null ? '' : words.eta(lasting(leftS))
    return [[words.on(job.worker ?? ''), ready].filter(Boolean).join(' · ')]
  }
  if (job.state !== 'queued' || !job.queue) return []
  const { position, eta_s, waits } = job.queue
  const place = typeof position === 'number' ? words.place(position) : ''
  const eta = typeof eta_s === 'number' ? words.eta(lasting(eta_s)) : ''
  return [[place, eta].filter(Boolean).join(' · '), waits?.message ?? ''].filter(Boolean)
}
