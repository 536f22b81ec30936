import { expect, test } from 'vitest'
import { type Move, movedAlong, movedBeside, orderAfter, rearranged, type Way } from './albumOrder'

const ORDER = ['a', 'b', 'c', 'd', 'e']

function after(move: Move | null): string | null {
  return move && orderAfter(ORDER, move).join('')
}

function along(which: string, way: Way): string | null {
  return after(movedAlong(ORDER, new Set(which), way))
}

test('one picture goes a place, or to an end', () => {
  expect([along('c', 'earlier'), along('c', 'later')]).toEqual(['acbde', 'abdce'])
  expect([along('c', 'first'), along('c', 'last')]).toEqual(['cabde', 'abdec'])
})

test('what stands at an end already is not moved', () => {
  expect([along('a', 'earlier'), along('a', 'first'), along('e', 'later'), along('e', 'last')]).toEqual([
    null,
    null,
    null,
    null,
  ])
  expect([along('', 'first'), along('abcde', 'later')]).toEqual([null, null])
})

test('several go as one block, in their own order', () => {
  expect([along('bd', 'later'), along('bd', 'earlier'), along('bd', 'last')]).toEqual(['acbde', 'bdace', 'acebd'])
})

test('dropped on a side of another picture, they stand there', () => {
  expect(after(movedBeside(ORDER, new Set('a'), 'c', false))).toBe('bacde')
  expect(after(movedBeside(ORDER, new Set('a'), 'c', true))).toBe('bcade')
  expect(after(movedBeside(ORDER, new Set('bc'), 'e', true))).toBe('adebc')
  expect(movedBeside(ORDER, new Set('e'), 'c', true)?.before).toBe('d')
})

test('dropped on itself or where it stands, nothing is asked of the API', () => {
  expect(movedBeside(ORDER, new Set('b'), 'b', true)).toBeNull()
  expect(movedBeside(ORDER, new Set('b'), 'a', true)).toBeNull()
})

test('the list that is shown follows at once, with the shape of each picture', () => {
  const month = {
    count: 3,
    idAt: (place: number) => 'abc'[place] ?? '',
    secondAt: () => 0,
    aspectAt: (place: number) => place + 1,
  }

  const shown = rearranged(month, ['c', 'a', 'b'])

  expect([0, 1, 2].map(shown.idAt)).toEqual(['c', 'a', 'b'])
  expect([0, 1, 2].map(shown.aspectAt)).toEqual([3, 1, 2])
})
