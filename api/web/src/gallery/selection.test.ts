import { expect, test } from 'vitest'
import { chosenOf, countOf, dragged, EVERYTHING, extended, isChosen, NOTHING, toggled } from './selection'

const idAt = (place: number) => (place >= 0 && place < 10 ? `ast_${place}` : null)
const ids = (selection: { ids: ReadonlySet<string> }) => [...selection.ids].sort()

test('a range goes from the last one chosen, either way, and adds', () => {
  const one = toggled(NOTHING, 'ast_5', 5)

  const down = extended(one, 7, idAt)
  const up = extended(down, 4, idAt)

  expect(ids(down)).toEqual(['ast_5', 'ast_6', 'ast_7'])
  expect(ids(up)).toEqual(['ast_4', 'ast_5', 'ast_6', 'ast_7'])
})

test('a range without a beginning is one picture, and what is not known is left out', () => {
  expect(ids(extended(NOTHING, 3, idAt))).toEqual(['ast_3'])
  expect(ids(extended({ ...NOTHING, anchor: 8 }, 14, idAt))).toEqual(['ast_8', 'ast_9'])
})

test('a drag that comes back lets go of what it chose, and of nothing else', () => {
  const before = toggled(NOTHING, 'ast_0', 0)

  const far = dragged(before, 3, 6, idAt)
  const back = dragged(before, 3, 4, idAt)

  expect(ids(far)).toEqual(['ast_0', 'ast_3', 'ast_4', 'ast_5', 'ast_6'])
  expect(ids(back)).toEqual(['ast_0', 'ast_3', 'ast_4'])
})

test('everything but some', () => {
  const selection = toggled(EVERYTHING, 'ast_2', 2)

  expect(countOf(selection, 10)).toBe(9)
  expect(isChosen(selection, 'ast_2')).toBe(false)
  expect(isChosen(selection, 'ast_3')).toBe(true)
  expect(ids(extended(selection, 1, idAt))).toEqual([])
})

test('the API is told ids, or the filter without the exceptions, which keeps what it excluded already', () => {
  const filter = { model: ['sdxl'], without: [{ tag: ['snow'] }] }

  expect(chosenOf(toggled(NOTHING, 'ast_1', 1), filter)).toEqual({ ids: ['ast_1'] })
  expect(chosenOf(EVERYTHING, filter)).toEqual({ filter })
  expect(chosenOf(toggled(EVERYTHING, 'ast_1', 1), filter)).toEqual({
    filter: { model: ['sdxl'], without: [{ tag: ['snow'] }, { ids: ['ast_1'] }] },
  })
})
