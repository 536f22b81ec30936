// What can be done to a job. Each puts the answer into the feed at once and says in words what went wrong.
import { api, got } from '~/api/client'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { words } from '~/strings'
import { type Job, learn, useFeed } from './feed'

export async function cancel(id: string): Promise<void> {
  await done(api.DELETE('/v1/jobs/{job_id}', { params: { path: { job_id: id } } }))
}

/** Before all other jobs of its owner. */
export async function toFront(id: string): Promise<void> {
  await done(api.PATCH('/v1/jobs/{job_id}', { params: { path: { job_id: id } }, body: { front: true } }))
}

export async function hold(id: string, held: boolean): Promise<void> {
  await done(api.PATCH('/v1/jobs/{job_id}', { params: { path: { job_id: id } }, body: { held } }))
}

/** Run a failed or cancelled job again; the old one is put away. */
export async function runAgain(id: string): Promise<void> {
  const made = await done(api.POST('/v1/jobs/{job_id}/retry', { params: { path: { job_id: id } } }))
  if (made) putAway(id)
}

export function putAway(id: string): void {
  useFeed.setState(({ away }) => ({ away: { ...away, [id]: true } }))
}

async function done(call: Promise<{ data?: Job }>): Promise<boolean> {
  try {
    learn([await got(call)])
    return true
  } catch (error) {
    toast(told(error, words()), { tone: 'bad' })
    return false
  }
}
