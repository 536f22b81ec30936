import { beforeEach, expect, test } from 'vitest'
import { EMPTY, openDraft, read, useDraft } from './draft'

beforeEach(() => useDraft.setState(EMPTY, true))

test('what was typed is there after a reload', () => {
  openDraft('ada')
  useDraft.setState({ prompt: 'a lamp', seed: 7 })
  useDraft.setState(EMPTY, true) // the end of the page writes nothing a reload would miss
  localStorage.setItem('darkroom/ada/draft', JSON.stringify({ ...EMPTY, prompt: 'a lamp', seed: 7 }))

  openDraft('ada')

  expect(useDraft.getState()).toMatchObject({ prompt: 'a lamp', seed: 7 })
})

test('every change is stored at once', () => {
  openDraft('ada')

  useDraft.setState({ prompt: 'a lamp' })

  expect(read(localStorage.getItem('darkroom/ada/draft')).prompt).toBe('a lamp')
})

test('another person sees nothing of it', () => {
  openDraft('ada')
  useDraft.setState({ prompt: 'a secret' })

  openDraft('bob')

  expect(useDraft.getState().prompt).toBe('')
  expect(localStorage.getItem('darkroom/bob/draft')).toBeNull()
})

test.each(['{', 'null', '[]', '{"prompt": 3, "n": "all", "start": null}'])(
  'a broken store is an empty form: %s',
  text => {
    expect(read(text)).toEqual(EMPTY)
  },
)
