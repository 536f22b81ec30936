// What every card does, what waits, what happened: for whoever uses the rack, and for whoever owns it.
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Schemas } from '~/api/client'
import { useFeed } from '~/jobs/feed'
import { Trouble } from '~/parts/Trouble'
import { useSession } from '~/shell/session'
import { useWords } from '~/strings'
import { Audit } from './Audit'
import { jobsOf, queueOf, statusOf } from './asks'
import { Batches } from './Batches'
import { Card, Waiting } from './Card'
import { Doctor, Events } from './News'
import { People } from './People'
import { Queue } from './Queue'
import { Share } from './Share'
import { unserved, waitingByModel } from './waiting'

export default function RackScreen() {
  const words = useWords().rack
  const { role } = useSession()
  const { data: status, error, refetch } = useQuery(statusOf)
  const waiting = waitingByModel(status?.queues ?? {})
  useQuery(jobsOf(useUnknown(status)))
  const operates = role === 'operator' || role === 'admin'
  return (
    <div className="mx-auto max-w-7xl space-y-8 px-6 py-8 max-md:px-3">
      <h1 className="text-3xl">{words.title}</h1>
      {error && <Trouble error={error} onRetry={() => void refetch()} />}
      {status && (
        <Section title={words.cards}>
          {status.workers.length === 0 && (
            <div className="card p-6">
              <h3 className="mb-1 font-semibold">{words.noCards}</h3>
              <p className="text-soft">{words.noCardsText}</p>
            </div>
          )}
          <ul className="grid gap-4 lg:grid-cols-2">
            {status.workers.map(worker => (
              <li key={worker.name} className="min-w-0">
                <Card worker={worker} waiting={waiting} operates={operates} />
              </li>
            ))}
          </ul>
          <Waiting title={words.unserved} waiting={unserved(status.workers, waiting)} />
        </Section>
      )}
      <div className="grid items-start gap-8 lg:grid-cols-2">
        <Queue />
        <Batches />
        <Events />
        {operates && <Doctor />}
        <Share />
        {role === 'admin' && <People />}
        {role === 'admin' && <Audit />}
      </div>
    </div>
  )
}

/** Ids of jobs on this screen that the feed has not. */
function useUnknown(status: Schemas['SystemStatus'] | undefined): string[] {
  const jobs = useFeed(feed => feed.jobs)
  const { data: queue } = useQuery(queueOf)
  const running = status?.workers.flatMap(worker => worker.running.map(({ id }) => id)) ?? []
  const waiting = [...(queue?.running ?? []), ...(queue?.queued ?? [])].flatMap(({ id }) => id ?? [])
  return [...new Set([...running, ...waiting])].filter(id => !jobs[id]).sort()
}

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="min-w-0 space-y-3">
      <h2 className="text-xl">{title}</h2>
      {children}
    </section>
  )
}
