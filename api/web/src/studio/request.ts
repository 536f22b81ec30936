// The form as the API takes it, and the other way round: what made a picture, back into the form. Both pure.
import type { Schemas } from '~/api/client'
import { type Draft, EMPTY, type StartPicture } from './draft'
import { RATIOS, type Size, sizeOf } from './shape'

type Model = Pick<Schemas['ModelView'], 'defaults' | 'limits'>
type Request = Schemas['GenerateRequest']

/** What `POST /v1/generate` is sent: only what differs from the model's own values. */
export function requestOf(draft: Draft, model: Model | undefined): Request {
  const size = sizeFor(draft, model)
  return {
    prompt: draft.prompt,
    n: draft.n,
    priority: 'normal',
    ...given({
      negative_prompt: draft.negative || null,
      model: draft.model,
      width: size?.width ?? null,
      height: size?.height ?? null,
      seed: draft.seed,
      steps: draft.steps,
      guidance_scale: draft.guidance,
      scheduler: draft.scheduler,
      schedule: draft.schedule,
      image: draft.start?.id ?? null,
      strength: draft.start ? draft.strength : null,
      keep: draft.keep,
    }),
  } as Request
}

/** The size that is asked for; null: as the model, or the start picture, has it. */
export function sizeFor(draft: Draft, model: Model | undefined): Size | null {
  if (draft.width !== null && draft.height !== null) return { width: draft.width, height: draft.height }
  const ratio = draft.ratio === null ? undefined : RATIOS[draft.ratio]
  if (ratio === undefined || !model?.defaults || !model.limits) return null
  return sizeOf(ratio, model.defaults, model.limits)
}

/** How many steps really run from a start picture; the server counts the same way. */
export function stepsRun(steps: number, strength: number): number {
  return Math.min(steps, Math.floor(steps * strength))
}

/** A job's parameters (or a preset's, or a file's) as a form; what they do not say is as in an empty one. */
export function draftOf(params: Readonly<Record<string, unknown>>, model: string | null): Draft {
  const text = (name: string) => (typeof params[name] === 'string' ? (params[name] as string) : null)
  const number = (name: string) => (typeof params[name] === 'number' ? (params[name] as number) : null)
  return {
    ...EMPTY,
    prompt: text('prompt') ?? '',
    negative: text('negative_prompt') ?? '',
    model: text('model') ?? model,
    width: number('width'),
    height: number('height'),
    seed: number('seed'),
    steps: number('steps'),
    guidance: number('guidance_scale'),
    scheduler: text('scheduler'),
    schedule: text('schedule'),
    start: startOf(params),
    strength: number('strength'),
  }
}

function startOf(params: Readonly<Record<string, unknown>>): StartPicture | null {
  const { image, width, height } = params
  if (typeof image !== 'string' || !image.startsWith('img_')) return null
  return { id: image, width: Number(width) || 1, height: Number(height) || 1 }
}

function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}
