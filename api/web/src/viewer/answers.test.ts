import { expect, test } from 'vitest'
import { answerOf } from './answers'

test('boxes have sizes, points have none, words are words', () => {
  expect(answerOf({ objects: [{ x_min: 0.25, y_min: 0.5, x_max: 0.5, y_max: 1 }] })).toEqual({
    text: null,
    marks: [{ x: 0.25, y: 0.5, width: 0.25, height: 0.5 }],
  })
  expect(answerOf({ points: [{ x: 0.1, y: 0.2 }] }).marks).toEqual([{ x: 0.1, y: 0.2, width: 0, height: 0 }])
  expect(answerOf({ text: 'A red door.' })).toEqual({ text: 'A red door.', marks: [] })
})
