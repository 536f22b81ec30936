import { expect, test } from 'vitest'
import type { Asset } from './asset'
import { partsOf, reused } from './reuse'

const MADE = {
  id: 'ast_1',
  picture: 'img_1',
  width: 640,
  height: 480,
  prompt: 'a red boat',
  negative_prompt: 'people',
  seed: 7,
  steps: 20,
  guidance_scale: 5,
  scheduler: 'euler',
  model: 'sdxl',
  params: { schedule: 'karras' },
} as unknown as Asset

test('what made a picture fills the form again, all of it or a part', () => {
  expect(reused(MADE, 'all')).toMatchObject({ prompt: 'a red boat', seed: 7, steps: 20, model: 'sdxl', width: 640 })
  expect(reused(MADE, 'prompt')).toEqual({ prompt: 'a red boat', negative: 'people' })
  expect(reused(MADE, 'seed')).toEqual({ seed: 7 })
  expect(reused(MADE, 'start')).toEqual({ start: { id: 'img_1', width: 640, height: 480 } })
})

test('an upload without words has only itself to offer', () => {
  expect(partsOf({ prompt: '', seed: null })).toEqual(['start'])
  expect(partsOf(MADE)).toEqual(['all', 'prompt', 'seed', 'start'])
})
