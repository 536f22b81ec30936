import { expect, test } from 'vitest'
import { PICTURES, personOf, SHELL, storeName, UPLOADS } from './names'

test.each(['ada', 'ann/bob', 'a%2Fb', 'über uns', ''])('the name of a store tells whose it is: %s', person => {
  expect(personOf(storeName(person, PICTURES), PICTURES)).toBe(person)
})

test('another kind of store, or the files of the page, are nobody’s pictures', () => {
  expect(personOf(storeName('ada', UPLOADS), PICTURES)).toBeNull()
  expect(personOf(`${SHELL}1234`, PICTURES)).toBeNull()
  expect(personOf('darkroom/ada/pictures/more', PICTURES)).toBeNull()
})
