import { expect, test } from 'vitest'
import { Ledger } from './ledger'

test('beyond the number of pictures, the one seen the longest ago leaves', () => {
  const ledger = new Ledger({ count: 2, bytes: 1000 })
  ledger.add('a', 1)
  ledger.add('b', 1)
  ledger.seen('a')

  expect(ledger.add('c', 1)).toEqual(['b'])
  expect(ledger.entries()).toEqual([
    ['a', 1],
    ['c', 1],
  ])
})

test('beyond the bytes as many leave as must', () => {
  const ledger = new Ledger({ count: 100, bytes: 100 }, [
    ['a', 40],
    ['b', 40],
    ['c', 20],
  ])

  expect(ledger.add('d', 50)).toEqual(['a', 'b'])
  expect(ledger.bytes).toBe(70)
})

test('a picture that is larger than all the room is not kept', () => {
  const ledger = new Ledger({ count: 100, bytes: 100 }, [['a', 40]])

  expect(ledger.add('b', 101)).toEqual(['a', 'b'])
  expect(ledger.bytes).toBe(0)
})

test('the same picture counts once', () => {
  const ledger = new Ledger({ count: 100, bytes: 100 })
  ledger.add('a', 60)

  expect(ledger.add('a', 70)).toEqual([])
  expect(ledger.bytes).toBe(70)
})

test('what was never kept cannot be seen into it', () => {
  const ledger = new Ledger({ count: 100, bytes: 100 })
  ledger.seen('a')

  expect(ledger.has('a')).toBe(false)
})
