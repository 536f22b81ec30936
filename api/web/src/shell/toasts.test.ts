import { beforeEach, expect, test } from 'vitest'
import { toast, useToasts } from './toasts'

const texts = () => useToasts.getState().toasts.map(one => one.text)

beforeEach(() => useToasts.setState({ toasts: [] }))

test('three at most are shown, the newest', () => {
  for (const text of ['a', 'b', 'c', 'd']) toast(text)

  expect(texts()).toEqual(['b', 'c', 'd'])
})

test('one that stays is not pushed away by what was just done', () => {
  toast('a new version', { stays: true })
  for (const text of ['a', 'b', 'c', 'd']) toast(text)

  expect(texts()).toEqual(['a new version', 'b', 'c', 'd'])
})
