import { expect, test } from 'vitest'
import { EMPTY } from './draft'
import { cellsOf, gridOf, promptsIn, seedsIn } from './gridRequest'

const FORM = { prompts: 'a lamp\n\n  a tree ', seeds: '1, 2;3 x', models: ['toy', 'starter'] }

test('prompts are lines, seeds are numbers, anything else is left out', () => {
  expect(promptsIn(FORM.prompts)).toEqual(['a lamp', 'a tree'])
  expect(seedsIn(FORM.seeds)).toEqual([1, 2, 3])
})

test('a grid has every prompt with every seed on every model', () => {
  expect(cellsOf(FORM)).toBe(12)
  expect(cellsOf({ ...FORM, seeds: '', models: [] })).toBe(2)
  expect(cellsOf({ ...FORM, prompts: ' ' })).toBe(0)
})

test('the form fills every cell, but for what the grid varies', () => {
  const { grid, steps } = gridOf(FORM, { ...EMPTY, prompt: 'x', seed: 9, n: 4, steps: 12, model: 'toy' }, undefined)

  expect(grid).toEqual({ prompts: ['a lamp', 'a tree'], seeds: [1, 2, 3], models: ['toy', 'starter'] })
  expect(steps).toEqual([{ kind: 'generate', n: 1, steps: 12 }])
})
