import { expect, test } from 'vitest'
import { useLook } from '~/shell/look'
import { joules, lasting, sized, words } from '.'
import { en } from './words'

function leaves(value: object, path = ''): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null ? leaves(inner, `${path}.${name}`) : [[`${path}.${name}`, inner]],
  )
}

test('every language says everything', () => {
  useLook.setState({ language: 'de' })
  const german = leaves(words())
  useLook.setState({ language: 'en' })

  expect(german.map(([path]) => path).sort()).toEqual(
    leaves(en)
      .map(([path]) => path)
      .sort(),
  )
  expect(german.filter(([, said]) => said === '')).toEqual([])
})

test('times and sizes are said as people say them', () => {
  expect(lasting(0.84)).toBe('0.8 s')
  expect(lasting(45.2)).toBe('45 s')
  expect(lasting(200)).toBe('3 min')
  expect(lasting(4800)).toBe('1 h 20 min')
  expect(sized(840)).toBe('840 MiB')
  expect(sized(6617)).toBe('6.5 GiB')
  expect(joules(450.4)).toBe('450 J')
  expect(joules(1936)).toBe('1.9 kJ')
})
