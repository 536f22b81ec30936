import { expect, test } from 'vitest'
import { unserved, waitingByModel, waitingFor } from './waiting'

const QUEUES = { 'sdxl.high': 1, 'sdxl.low': 2, 'sdxl-1.5.normal': 4, 'moondream.normal': 0, '@gpu1.high': 1 }

test('a model waits as often as all its queues together, and an empty one not at all', () => {
  expect(waitingByModel(QUEUES)).toEqual([
    { name: 'sdxl', count: 3 },
    { name: 'sdxl-1.5', count: 4 },
    { name: '@gpu1', count: 1 },
  ])
})

test('a card shows what it would take and nothing else', () => {
  const all = waitingByModel(QUEUES)

  expect(waitingFor({ name: 'gpu0', models: ['sdxl'] }, all)).toEqual([{ name: 'sdxl', count: 3 }])
  expect(waitingFor({ name: 'gpu1', models: [] }, all)).toEqual([{ name: '@gpu1', count: 1 }])
})

test('what no card would take is told apart', () => {
  const cards = [
    { name: 'gpu0', models: ['sdxl'] },
    { name: 'gpu1', models: [] },
  ]

  expect(unserved(cards, waitingByModel(QUEUES))).toEqual([{ name: 'sdxl-1.5', count: 4 }])
})
