// Asking about a picture: a question is answered in words, a thing is boxed or pointed at. The job is waited for.
import { api, got, type Schemas } from '~/api/client'

export type Kind = 'query' | 'detect' | 'point'

export interface Mark {
  /** Shares of the picture's sides, 0..1; a point has no size. */
  x: number
  y: number
  width: number
  height: number
}

export interface Answer {
  /** Null: it was not asked for words. */
  text: string | null
  marks: Mark[]
}

interface Found {
  text?: string
  objects?: { x_min: number; y_min: number; x_max: number; y_max: number }[]
  points?: { x: number; y: number }[]
}

/** Seconds that one request holds while the job goes on. */
const HELD_S = 25

/** What a task found, as words and marks. Pure. */
export function answerOf(found: Found): Answer {
  const boxes = (found.objects ?? []).map(({ x_min, y_min, x_max, y_max }) => ({
    x: x_min,
    y: y_min,
    width: x_max - x_min,
    height: y_max - y_min,
  }))
  const points = (found.points ?? []).map(({ x, y }) => ({ x, y, width: 0, height: 0 }))
  return { text: found.text ?? null, marks: [...boxes, ...points] }
}

/** Ask, and wait for the answer.
 *
 * @throws ApiError: refused. Error: the job or its task failed, in the API's words. */
export async function ask(picture: string, kind: Kind, text: string, signal: AbortSignal): Promise<Answer> {
  const task = kind === 'query' ? { task: kind, question: text } : { task: kind, object: text }
  const body = { image: picture, tasks: [task], priority: 'high' as const }
  let job: Schemas['JobView'] = await got(api.POST('/v1/analyze', { body, signal }))
  while (!job.ended_at) {
    const params = { path: { job_id: job.id }, query: { wait: HELD_S } }
    job = await got(api.GET('/v1/jobs/{job_id}', { params, signal }))
  }
  const row = (job.result as { answers?: { ok: boolean; answer?: Found; error?: { message: string } }[] } | null)
    ?.answers?.[0]
  if (job.state !== 'succeeded' || !row?.ok || !row.answer) {
    throw new Error(row?.error?.message ?? job.error?.message ?? job.state)
  }
  return answerOf(row.answer)
}
