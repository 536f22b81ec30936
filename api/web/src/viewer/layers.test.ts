import { expect, test } from 'vitest'
import { familyOf } from './layers'

const steps = [
  { parent: 'a', child: 'b' },
  { parent: 'b', child: 'me' },
  { parent: 'me', child: 'x' },
  { parent: 'me', child: 'y' },
  { parent: 'x', child: 'z' },
]

test('columns are the steps away, ancestors to the left', () => {
  const { spots, columns, rows } = familyOf('me', ['b', 'a', 'x', 'y', 'z'], steps)

  const at = (id: string) => spots.find(spot => spot.id === id)
  expect([at('a')?.column, at('b')?.column, at('me')?.column, at('x')?.column, at('z')?.column]).toEqual([0, 1, 2, 3, 4])
  expect([at('x')?.row, at('y')?.row]).toEqual([0, 1])
  expect([columns, rows]).toEqual([5, 2])
})

test('a picture without family stands alone', () => {
  expect(familyOf('me', [], [])).toEqual({ spots: [{ id: 'me', column: 0, row: 0 }], columns: 1, rows: 1 })
})

test('a circle ends where it began', () => {
  const { spots } = familyOf('me', ['b'], [
    { parent: 'me', child: 'b' },
    { parent: 'b', child: 'me' },
  ])

  expect(spots).toHaveLength(2)
})
