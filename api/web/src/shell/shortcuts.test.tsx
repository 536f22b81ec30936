import { render } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { useLook } from './look'
import { dispatch, isSingleLetter, useShortcut } from './shortcuts'

beforeEach(() => document.addEventListener('keydown', dispatch))
afterEach(() => {
  document.removeEventListener('keydown', dispatch)
  useLook.setState({ letterKeys: true })
})

function Screen({ keys, run, inFields = false }: { keys: string; run: () => void; inFields?: boolean }) {
  useShortcut(keys, 'does it', run, { inFields })
  return <input aria-label="words" />
}

function press(key: string, more: KeyboardEventInit = {}, on: Element = document.body): void {
  on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }))
}

test('a key works while its screen is there', () => {
  const run = vi.fn()
  const { unmount } = render(<Screen keys="f" run={run} />)

  press('f')
  unmount()
  press('f')

  expect(run).toHaveBeenCalledTimes(1)
})

test('nothing fires while somebody types, but for what says so', () => {
  const letter = vi.fn()
  const send = vi.fn()
  const { getAllByLabelText } = render(
    <>
      <Screen keys="f" run={letter} />
      <Screen keys="mod+Enter" run={send} inFields />
    </>,
  )
  const field = getAllByLabelText('words')[0] as Element

  press('f', {}, field)
  press('Enter', { ctrlKey: true }, field)

  expect(letter).not.toHaveBeenCalled()
  expect(send).toHaveBeenCalledOnce()
})

test('a key that an input method is composing with is not ours', () => {
  const send = vi.fn()
  render(<Screen keys="mod+Enter" run={send} inFields />)

  press('Enter', { ctrlKey: true, isComposing: true })

  expect(send).not.toHaveBeenCalled()
})

test('single letters can be switched off; combinations stay', () => {
  const letter = vi.fn()
  const combined = vi.fn()
  render(
    <>
      <Screen keys="shift+X" run={letter} />
      <Screen keys="alt+a" run={combined} />
    </>,
  )
  useLook.setState({ letterKeys: false })

  press('X', { shiftKey: true })
  press('a', { altKey: true })

  expect(letter).not.toHaveBeenCalled()
  expect(combined).toHaveBeenCalledOnce()
  expect(isSingleLetter('+')).toBe(true)
})

test('of two meanings the one on top counts', () => {
  const below = vi.fn()
  const above = vi.fn()
  render(
    <>
      <Screen keys="Escape" run={below} />
      <Screen keys="Escape" run={above} />
    </>,
  )

  press('Escape')

  expect(above).toHaveBeenCalledOnce()
  expect(below).not.toHaveBeenCalled()
})
