import { describe, expect, test } from 'vitest'
import { beatMs, type Feed, type Job, merged, openIds } from './feed'

const NOTHING: Feed = { jobs: {}, order: [], previews: {}, away: {} }

function job(id: string, state: Job['state'], more: Partial<Job> = {}): Job {
  return { id, kind: 'generate', state, created_at: `2026-01-01T00:00:0${id.slice(-1)}`, preview: null, ...more } as Job
}

function running(id: string, step: number): Job {
  const progress = { phase: 'running', step, steps: 20, percent: step * 5, has_preview: true, resumed_at: 0 } as const
  return job(id, 'running', { preview: `/v1/jobs/${id}/preview`, progress })
}

describe('the feed', () => {
  test('has the newest job first, whatever order answers come in', () => {
    const feed = merged(merged(NOTHING, [job('job_2', 'queued')]), [job('job_1', 'queued'), job('job_3', 'running')])

    expect(feed.order).toEqual(['job_3', 'job_2', 'job_1'])
  })

  test('forgets a job that is gone', () => {
    const feed = merged(merged(NOTHING, [job('job_1', 'queued')]), [{ id: 'job_1', state: 'gone' }])

    expect(feed.order).toEqual([])
  })

  test('keeps a preview until the job ends', () => {
    const seen = merged(NOTHING, [running('job_1', 4)], { job_1: { step: 4, data: 'data:a' } })
    const later = merged(seen, [running('job_1', 6)])
    const ended = merged(later, [job('job_1', 'succeeded')])

    expect(later.previews.job_1?.data).toBe('data:a')
    expect(ended.previews).toEqual({})
  })

  test('polls open jobs only, the longest under way first', () => {
    const feed = merged(NOTHING, [job('job_1', 'queued'), job('job_2', 'failed'), job('job_3', 'running')])

    expect(openIds(feed)).toEqual(['job_1', 'job_3'])
  })

  test('does not poll at all while nothing is open', () => {
    expect(beatMs(merged(NOTHING, [job('job_1', 'succeeded')]))).toBe(false)
  })
})
