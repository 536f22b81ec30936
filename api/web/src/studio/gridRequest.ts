// A grid run as the API takes it: every prompt with every seed on every model. Pure.
import type { Schemas } from '~/api/client'
import type { Draft } from './draft'
import type { Model } from './ModelChoice'
import { requestOf } from './request'

export interface GridForm {
  /** One on a line. */
  prompts: string
  /** With commas or spaces between. */
  seeds: string
  models: readonly string[]
}

export function promptsIn(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
}

export function seedsIn(text: string): number[] {
  return text
    .split(/[\s,;]+/)
    .filter(part => /^\d+$/.test(part))
    .map(Number)
}

/** How many pictures it makes. */
export function cellsOf(form: GridForm): number {
  return promptsIn(form.prompts).length * Math.max(1, seedsIn(form.seeds).length) * Math.max(1, form.models.length)
}

/** The form's other values are every cell's. */
export function gridOf(form: GridForm, draft: Draft, model: Model | undefined): Schemas['BatchRequest'] {
  const {
    prompt: _,
    seed: __,
    n: ___,
    model: ____,
    image: _____,
    strength: ______,
    priority: _______,
    keep,
    ...step
  } = requestOf(draft, model)
  return {
    grid: { prompts: promptsIn(form.prompts), seeds: seedsIn(form.seeds), models: [...form.models] },
    steps: [{ kind: 'generate', n: 1, ...step }],
    ...(keep === undefined ? {} : { keep }),
  } as Schemas['BatchRequest']
}
