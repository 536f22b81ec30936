// How many jobs wait, by model: the server's queues are named by model (or `@worker`, for what only one may do) and urgency.
import type { Worker } from './asks'

export interface WaitingFor {
  /** A model, or `@` and a worker's name. */
  name: string
  count: number
}

/** Jobs that wait for each model, whatever their urgency; what waits for nothing is left out. Pure. */
export function waitingByModel(queues: Readonly<Record<string, number>>): WaitingFor[] {
  const counts = new Map<string, number>()
  for (const [queue, count] of Object.entries(queues)) {
    const name = queue.slice(0, queue.lastIndexOf('.'))
    if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return [...counts].map(([name, count]) => ({ name, count }))
}

/** Of these, what this card would take: its models' jobs, and what was sent to it alone. Pure. */
export function waitingFor(
  { name, models }: Pick<Worker, 'name' | 'models'>,
  all: readonly WaitingFor[],
): WaitingFor[] {
  return all.filter(each => each.name === `@${name}` || models.includes(each.name))
}

/** Of these, what no card would take. Pure. */
export function unserved(
  workers: readonly Pick<Worker, 'name' | 'models'>[],
  all: readonly WaitingFor[],
): WaitingFor[] {
  return all.filter(each => workers.every(worker => waitingFor(worker, [each]).length === 0))
}
