// The form of an action, built from what the server says of its fields: what each has by itself, and what was typed as the
// overrides of a request. The server checks them; the form only keeps within the limits it was told. Pure.
import type { Schemas } from '~/api/client'

type Action = Pick<Schemas['ActionView'], 'fields' | 'presets'>
type Field = Schemas['FormField']

/** What was typed or chosen, by field; empty: as it is by itself. */
export type Typed = Readonly<Record<string, string>>

/** What matters most stands first; what is not named here keeps the server's order behind it. */
const FIRST = ['prompt', 'negative_prompt', 'strength', 'n', 'seed', 'steps', 'guidance_scale', 'model']

/** The fields that can be filled in here. Tasks of an analysis have forms of their own: the viewer asks them. */
export function fieldsOf({ fields }: Action): Field[] {
  const rank = ({ name }: Field) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  return fields.filter(field => field.type !== 'tasks').sort((a, b) => rank(a) - rank(b))
}

/** What a field has if nothing is typed: the preset's value, else the action's; empty: the picture's own, or the model's. */
export function ownOf({ presets }: Action, field: Field, preset: string | null): string {
  const set = presets.find(each => each.name === preset)?.values[field.name]
  const own = set ?? field.default
  return own === null || own === undefined ? '' : String(own)
}

/** `overrides` of the request: only what was typed, numbers as numbers. */
export function overridesOf(fields: readonly Field[], typed: Typed): Record<string, string | number> {
  const given = fields.flatMap(({ name, type }): [string, string | number][] => {
    const text = typed[name]?.trim() ?? ''
    if (text === '') return []
    return [[name, type === 'integer' || type === 'number' ? Number(text) : text]]
  })
  return Object.fromEntries(given)
}

/** What a number goes by: its step as told, else whole numbers or any. */
export function stepOf({ type, multiple_of }: Field): number | 'any' {
  return multiple_of ?? (type === 'integer' ? 1 : 'any')
}
