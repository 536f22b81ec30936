// biome-ignore-all lint/a11y/noAutofocus: the field opens because somebody asked to type into it
// A field for tags that knows those of the library: arrows choose one of the suggestions, Enter or Tab takes it.
import { useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useDeferredValue, useId, useState } from 'react'
import { useWords } from '~/strings'
import { beginningOf, completed, suggestionsFor, tagsLike } from './tags'

interface Props {
  label: string
  /** Whether the label stands above the field; else it is its placeholder. */
  isLabelled?: boolean
  autoFocus?: boolean
  text: string
  onChange: (text: string) => void
}

const MOST_CHARS = 2000

export function TagField({ label, isLabelled = false, autoFocus = false, text, onChange }: Props) {
  const words = useWords().gallery.tags
  const id = useId()
  const [isOpen, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const beginning = useDeferredValue(beginningOf(text).trim())
  const { data } = useQuery({ ...tagsLike(beginning), enabled: isOpen && beginning !== '' })
  const found = isOpen ? suggestionsFor(text, data ?? []) : []
  const chosen = found[active]

  const take = (tag: string) => {
    onChange(completed(text, tag))
    setActive(-1)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (found.length === 0 || event.nativeEvent.isComposing) return
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0) setActive(was => nextOf(was, step, found.length))
    else if ((event.key === 'Enter' || event.key === 'Tab') && chosen) take(chosen)
    else if (event.key === 'Escape') setOpen(false)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div className="space-y-1">
      <label htmlFor={id} className={isLabelled ? 'label' : 'sr-only'}>
        {label}
      </label>
      <input
        id={id}
        role="combobox"
        aria-expanded={found.length > 0}
        aria-controls={found.length > 0 ? `${id}-found` : undefined}
        aria-autocomplete="list"
        aria-activedescendant={chosen ? `${id}-${active}` : undefined}
        className="field text-sm"
        autoComplete="off"
        autoFocus={autoFocus}
        placeholder={isLabelled ? undefined : label}
        maxLength={MOST_CHARS}
        value={text}
        onChange={event => {
          onChange(event.target.value)
          setOpen(true)
          setActive(-1)
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {found.length > 0 && (
        <ul
          id={`${id}-found`}
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: the field beside it is its combobox
          role="listbox"
          aria-label={words.known}
          className="flex flex-wrap gap-1.5"
        >
          {found.map((tag, at) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active one
            // biome-ignore lint/a11y/useKeyWithClickEvents: its keys are the field's
            <li
              key={tag}
              id={`${id}-${at}`}
              // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: see the list
              role="option"
              aria-selected={at === active}
              className="min-h-7 cursor-pointer rounded-full border border-line px-2.5 text-sm leading-7 hover:border-accent hover:text-accent aria-selected:border-accent aria-selected:bg-glow aria-selected:text-accent"
              // The field keeps the focus.
              onPointerDown={event => event.preventDefault()}
              onClick={() => take(tag)}
            >
              {tag}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** One further, round and round; -1: none, which lies between the last and the first. Pure. */
function nextOf(active: number, step: number, count: number): number {
  return ((active + 1 + step + count + 1) % (count + 1)) - 1
}
