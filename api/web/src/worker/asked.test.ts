import { expect, test } from 'vitest'
import { askedOf } from './asked'

const HERE = 'https://rack.example'
const asked = (path: string, more: { method?: string; mode?: RequestMode; destination?: RequestDestination } = {}) =>
  askedOf({ method: 'GET', mode: 'cors', destination: '', url: new URL(path, HERE).href, ...more }, HERE, '/ui/')

test.each(['/ui/', '/ui/gallery?q=sea', '/ui/picture/ast_0'])('%s is a screen', path => {
  expect(asked(path, { mode: 'navigate' })).toBe('screen')
})

test.each(['/ui/assets/index-1.js', '/ui/icon.svg', '/ui/manifest.webmanifest', '/ui/theme.js'])(
  '%s is a file',
  path => {
    expect(asked(path)).toBe('part')
  },
)

test('a picture to look at may be one that was kept, a whole one that is fetched or downloaded never', () => {
  expect(asked('/v1/images/9f?width=320')).toBe('picture')
  expect(asked('/v1/images/9f', { destination: 'image' })).toBe('picture')
  expect(asked('/v1/images/9f')).toBe('else')
  expect(asked('/v1/images/9f', { destination: 'document', mode: 'navigate' })).toBe('else')
})

test('the API, other servers and what is not below the page are none of its business', () => {
  for (const path of ['/v1/jobs', '/healthz', '/', '/docs', 'https://other.example/ui/']) {
    expect(asked(path, { mode: 'navigate' })).toBe('else')
  }
  expect(asked('/v1/uploads', { method: 'POST' })).toBe('else')
})

test('what is shared is a form that is sent to the page, and only there', () => {
  expect(asked('/ui/share', { method: 'POST', mode: 'navigate' })).toBe('share')
  expect(asked('/ui/gallery', { method: 'POST', mode: 'navigate' })).toBe('else')
})
