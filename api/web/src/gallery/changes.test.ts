import { expect, test } from 'vitest'
import { movesPictures, shownOf } from './changes'

test('what a change says is shown, and nothing it does not say', () => {
  expect(shownOf({ stars: 0, add_tags: ['cat'] }, 'now')).toEqual({ stars: 0 })
  expect(shownOf({ trashed: true, favourite: false }, 'now')).toEqual({ trashed_at: 'now', favourite: false })
  expect(shownOf({ trashed: false }, 'now')).toEqual({ trashed_at: null })
  expect(shownOf({ caption: 'x'.repeat(300) }, 'now').alt).toHaveLength(200)
})

test('rating a picture does not make it jump away, trashing does', () => {
  expect(movesPictures({ stars: 5, favourite: true, add_tags: ['a'] })).toBe(false)
  expect(movesPictures({ trashed: true })).toBe(true)
  expect(movesPictures({ add_to_album: 'alb_1' })).toBe(true)
})
