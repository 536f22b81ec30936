// Sends what stands in the form. A request whose answer was lost is sent again under the same key, so that pressing twice
// while the API was away makes one job.
import { api, freshKey, got, type Schemas } from '~/api/client'
import { ApiAway } from '~/api/errors'
import { queryClient } from '~/api/queries'
import { type Job, learn } from '~/jobs/feed'

let unanswered: { body: string; key: string } | null = null

/** The job that was made.
 *
 * @throws ApiError in the API's words; ApiAway: nothing answered, the same call again is safe. */
export async function submit(body: Schemas['GenerateRequest'], isFirst: boolean): Promise<Job> {
  const text = JSON.stringify(body)
  if (unanswered?.body !== text) unanswered = { body: text, key: freshKey() }
  try {
    const headers = { 'Idempotency-Key': unanswered.key }
    let job = await got(api.POST('/v1/generate', { body, params: { header: headers } }))
    learn([job])
    if (isFirst) {
      const params = { path: { job_id: job.id } }
      // It may have started meanwhile: then it is first anyway.
      job = await got(api.PATCH('/v1/jobs/{job_id}', { params, body: { front: true } })).catch(() => job)
      learn([job])
    }
    unanswered = null
    void queryClient.invalidateQueries({ queryKey: ['prompts'] })
    return job
  } catch (error) {
    if (!(error instanceof ApiAway)) unanswered = null
    throw error
  }
}
