import { expect, test } from 'vitest'
import { BEATS, isNews, pauseMs } from './beats'

const card = (more: object = {}) => ({
  name: 'gpu0',
  state: 'ready',
  running: [],
  others_jobs: 0,
  resident: [],
  ...more,
})
const status = (more: object = {}, rest: object = {}) =>
  ({ workers: [card(more)], queues: {}, jobs: {}, ...rest }) as never
const running = status({ running: [{ id: 'job_1', step: 3 }] })
/** Requests of the feed beside the rack's own, in a second: its list, and its poll while something runs. */
const LIST = 1 / 20
const POLL = 1 / 0.8
const CARDS = 4

function perSecond(which: (beat: (typeof BEATS)['queue']) => number): number {
  const others = Object.values(BEATS).map(beat => 1 / which(beat))
  return 1000 * (others.reduce((sum, each) => sum + each, 0) + (CARDS - 1) / which(BEATS.series))
}

test('an idle tab asks less than once in ten seconds, with four cards', () => {
  expect(10 * (LIST + perSecond(beat => beat.idle))).toBeLessThan(1)
})

test('a tab with running jobs asks less than twice a second, with four cards', () => {
  expect(LIST + POLL + perSecond(beat => beat.busy)).toBeLessThan(2)
})

test('what runs counts, somebody else’s too', () => {
  expect(pauseMs(BEATS.queue, running)).toBe(BEATS.queue.busy)
  expect(pauseMs(BEATS.queue, status({ others_jobs: 1 }))).toBe(BEATS.queue.busy)
  expect(pauseMs(BEATS.queue, status({}, { jobs: { running: 1 } }))).toBe(BEATS.queue.busy)
  expect(pauseMs(BEATS.queue, status())).toBe(BEATS.queue.idle)
  expect(pauseMs(BEATS.queue, undefined)).toBe(BEATS.queue.idle)
})

test('that work begins or ends, a model comes or a job has failed is news', () => {
  expect(isNews(status(), running)).toBe(true)
  expect(isNews(running, status())).toBe(true)
  expect(isNews(status(), status({ resident: [{ model: 'sdxl' }] }))).toBe(true)
  expect(isNews(status(), status({}, { jobs: { failed: 1 } }))).toBe(true)
})

test('nothing new, or the next job of many, is no news', () => {
  expect(isNews(status(), status())).toBe(false)
  expect(isNews(running, status({ running: [{ id: 'job_2', step: 1 }] }))).toBe(false)
})
