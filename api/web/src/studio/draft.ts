// What stands in the form. Every change is written at once under the person's name, so that a reload, a crash or an API
// that is away loses nothing.
import { create } from 'zustand'
import { storeName } from '~/keep/person'

export interface StartPicture {
  /** Of a stored picture. */
  id: string
  width: number
  height: number
}

/** null everywhere: as the model has it. */
export interface Draft {
  prompt: string
  negative: string
  model: string | null
  /** A shape's name; with `width` and `height` both null it decides the size. */
  ratio: string | null
  width: number | null
  height: number | null
  n: number
  /** null: a new one each time. */
  seed: number | null
  steps: number | null
  guidance: number | null
  scheduler: string | null
  schedule: string | null
  start: StartPicture | null
  strength: number | null
  keep: boolean | null
}

export const EMPTY: Draft = {
  prompt: '',
  negative: '',
  model: null,
  ratio: null,
  width: null,
  height: null,
  n: 1,
  seed: null,
  steps: null,
  guidance: null,
  scheduler: null,
  schedule: null,
  start: null,
  strength: null,
  keep: null,
}

/** Fields that belong to how a picture is made, not to what it shows; they go back to the model's own together. */
export const FINE: readonly (keyof Draft)[] = ['width', 'height', 'steps', 'guidance', 'scheduler', 'schedule', 'keep']

export const useDraft = create<Draft>(() => EMPTY)

let stop: () => void = () => undefined

/** The draft this person left, followed by every change from now on. */
export function openDraft(person: string): void {
  stop()
  const name = storeName(person, 'draft')
  useDraft.setState(read(localStorage.getItem(name)), true)
  stop = useDraft.subscribe(draft => {
    try {
      localStorage.setItem(name, JSON.stringify(draft))
    } catch {
      // The browser's store is full or closed: the form goes on working, it only will not survive a reload.
    }
  })
}

/** A stored draft as far as it is one: unknown fields go, missing or mistyped ones are as in an empty form. Pure. */
export function read(text: string | null): Draft {
  let stored: Partial<Record<keyof Draft, unknown>> = {}
  try {
    const parsed: unknown = JSON.parse(text ?? '{}')
    if (typeof parsed === 'object' && parsed !== null) stored = parsed
  } catch {
    return EMPTY
  }
  const draft: Record<string, unknown> = { ...EMPTY }
  for (const [field, type] of Object.entries(TYPES)) {
    const value = stored[field as keyof Draft]
    if (typeof value === type) draft[field] = value
  }
  return draft as unknown as Draft
}

const TYPES: Record<keyof Draft, string> = {
  prompt: 'string',
  negative: 'string',
  model: 'string',
  ratio: 'string',
  width: 'number',
  height: 'number',
  n: 'number',
  seed: 'number',
  steps: 'number',
  guidance: 'number',
  scheduler: 'string',
  schedule: 'string',
  start: 'object',
  strength: 'number',
  keep: 'boolean',
}
