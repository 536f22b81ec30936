import { expect, test } from 'vitest'
import { EMPTY } from './draft'
import { draftOf, requestOf, stepsRun } from './request'

const MODEL = {
  defaults: { width: 1024, height: 1024 },
  limits: { min_side_px: 256, max_side_px: 2048, max_megapixels: 2.4, size_step_px: 64, max_steps: 150 },
} as never

test('an untouched form asks for nothing but the words: the model decides', () => {
  expect(requestOf({ ...EMPTY, prompt: 'a lamp' }, MODEL)).toEqual({ prompt: 'a lamp', n: 1, priority: 'normal' })
})

test('a shape becomes a size of this model', () => {
  const { width, height } = requestOf({ ...EMPTY, prompt: 'a lamp', ratio: '2:3' }, MODEL)

  expect(width).toBe(832)
  expect(height).toBe(1216)
})

test('seed 0 is a seed', () => {
  expect(requestOf({ ...EMPTY, seed: 0 }, MODEL).seed).toBe(0)
})

test('a strength without a start picture is not sent', () => {
  expect(requestOf({ ...EMPTY, strength: 0.4 }, MODEL)).not.toHaveProperty('strength')
})

test('what made a picture comes back into the form, and out of it the same', () => {
  const made = {
    prompt: 'a lamp',
    negative_prompt: 'fog',
    width: 512,
    height: 768,
    steps: 20,
    guidance_scale: 5,
    scheduler: 'euler',
    seed: 7,
  }

  expect(requestOf(draftOf(made, 'sdxl'), MODEL)).toEqual({ ...made, model: 'sdxl', n: 1, priority: 'normal' })
})

test('mistyped values of a file are left out', () => {
  expect(draftOf({ prompt: 3, steps: 'many', seed: null, image: '/etc/passwd' }, null)).toEqual(EMPTY)
})

test('steps of a start picture are counted as the server counts them', () => {
  expect(stepsRun(30, 0.6)).toBe(18)
  expect(stepsRun(16, 0.05)).toBe(0)
})
