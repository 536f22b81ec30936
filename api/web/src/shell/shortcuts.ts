// Every key that does something, in one registry, so that `?` can list them and nothing fires while somebody types.
//
// A screen says `useShortcut('mod+Enter', words.generate, run)`; while it is mounted the key works and is listed. Of two
// with the same keys the one registered last wins (the dialog over the screen). `mod` is Ctrl, on Apple Cmd too.
import { useEffect, useRef } from 'react'
import { create } from 'zustand'
import { useLook } from './look'

export interface Shortcut {
  /** e.g. `mod+Enter`, `shift+X`, `g`, `?`; the name of a key as `KeyboardEvent.key` has it. */
  keys: string
  label: string
  /** Headline it is listed under. */
  group: string
  /** Whether it also works while a field has the focus. */
  inFields: boolean
  isUnlisted: boolean
  run: (event: KeyboardEvent) => void
}

export const useShortcuts = create<{ all: Shortcut[] }>(() => ({ all: [] }))

interface More {
  group?: string
  inFields?: boolean
  isOff?: boolean
  /** It works but is not listed: the other half of a pair. */
  isUnlisted?: boolean
}

/** Give a key a meaning while the component is there. */
export function useShortcut(keys: string, label: string, run: Shortcut['run'], more: More = {}): void {
  const latest = useRef(run)
  latest.current = run
  const { group = '', inFields = false, isOff = false, isUnlisted = false } = more
  useEffect(() => {
    if (isOff) return
    const made: Shortcut = { keys, label, group, inFields, isUnlisted, run: event => latest.current(event) }
    useShortcuts.setState(({ all }) => ({ all: [...all, made] }))
    return () => useShortcuts.setState(({ all }) => ({ all: all.filter(one => one !== made) }))
  }, [keys, label, group, inFields, isOff, isUnlisted])
}

/** Whether a key press is this shortcut. Pure. */
export function isPressed(keys: string, event: KeyboardEvent): boolean {
  const parts = keys === '+' ? ['+'] : keys.split('+')
  const key = parts.at(-1) ?? ''
  const has = (name: string) => parts.slice(0, -1).includes(name)
  if ((event.ctrlKey || event.metaKey) !== has('mod') || event.altKey !== has('alt')) return false
  // A sign such as `?` may need Shift on this keyboard and not on that one.
  const isLetter = /^[a-z]$/i.test(key) || key.length > 1
  if (isLetter && event.shiftKey !== has('shift')) return false
  return event.key.toLowerCase() === key.toLowerCase()
}

/** Whether it can be hit by accident: one character without Ctrl or Alt. Pure. */
export function isSingleLetter(keys: string): boolean {
  return !/(mod|alt)\+/.test(keys) && (keys.split('+').at(-1)?.length ?? 0) <= 1
}

/** Whether keys go to this element as text. */
export function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'button', 'range'].includes(target.type)
}

/** Run what a key press means; the last registered first. */
export function dispatch(event: KeyboardEvent): void {
  // While an input method composes, Enter picks a character.
  if (event.isComposing || event.defaultPrevented) return
  const typing = isField(event.target)
  const { letterKeys } = useLook.getState()
  const found = useShortcuts
    .getState()
    .all.findLast(
      one =>
        isPressed(one.keys, event) &&
        (one.inFields || !typing) &&
        (letterKeys || !isSingleLetter(one.keys) || one.keys === '?'),
    )
  if (!found) return
  event.preventDefault()
  found.run(event)
}
