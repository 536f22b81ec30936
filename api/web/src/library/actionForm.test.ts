import { expect, test } from 'vitest'
import type { Schemas } from '~/api/client'
import { fieldsOf, overridesOf, ownOf, stepOf } from './actionForm'

function field(name: string, type: Schemas['FormField']['type'], more: Partial<Schemas['FormField']> = {}) {
  const nothing = { minimum: null, maximum: null, multiple_of: null, max_chars: null, max_items: null }
  return { name, type, title: name, description: '', choices: [], default: null, ...nothing, ...more }
}

const ACTION = {
  fields: [
    field('steps', 'integer'),
    field('tasks', 'tasks'),
    field('hue', 'number'),
    field('strength', 'number', { default: 0.3 }),
    field('prompt', 'text', { default: '{prompt}' }),
  ],
  presets: [{ name: 'strong', title: 'Strong', summary: '', values: { strength: 0.6 } }],
}

test('a form has every field that can be typed, what matters most first', () => {
  expect(fieldsOf(ACTION).map(({ name }) => name)).toEqual(['prompt', 'strength', 'steps', 'hue'])
})

test("a field is by itself as the preset says, else as the action, else the picture's own", () => {
  const own = (name: string, preset: string | null) =>
    ownOf(ACTION, ACTION.fields.find(each => each.name === name) as Schemas['FormField'], preset)

  expect([own('strength', 'strong'), own('strength', null), own('prompt', 'strong'), own('steps', 'strong')]).toEqual([
    '0.6',
    '0.3',
    '{prompt}',
    '',
  ])
})

test('only what was typed is asked otherwise, and numbers are numbers', () => {
  const typed = { prompt: '  a red boat ', steps: '30', strength: '', hue: '0.5', unknown: 'x' }

  expect(overridesOf(fieldsOf(ACTION), typed)).toEqual({ prompt: 'a red boat', steps: 30, hue: 0.5 })
})

test('a number goes by its own step', () => {
  expect(stepOf(field('width', 'integer', { multiple_of: 8 }))).toBe(8)
  expect([stepOf(field('n', 'integer')), stepOf(field('strength', 'number'))]).toEqual([1, 'any'])
})
