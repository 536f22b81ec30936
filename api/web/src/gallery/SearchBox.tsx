// The search box with its terms as chips, and what the API says about a box it cannot read, with the place.
import { Search, X } from 'lucide-react'
import { type FormEvent, useEffect, useId, useRef, useState } from 'react'
import { ApiError } from '~/api/errors'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { chipsOf, withoutChip } from './chips'

interface Props {
  box: string
  error: Error | null
  onChange: (box: string) => void
}

/** A box that was typed is looked for when nothing was typed for so long. */
const WAITS_MS = 350

export function SearchBox({ box, error, onChange }: Props) {
  const words = useWords().gallery
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [typed, setTyped] = useState(box)
  const [isHelping, setHelping] = useState(false)
  const sent = useRef(box)
  useEffect(() => {
    // Somebody else changed the box: a chip, a facet, the way back.
    if (box !== sent.current.trim()) setTyped(box)
    sent.current = box
  }, [box])
  useEffect(() => {
    if (typed.trim() === sent.current.trim()) return
    const timer = setTimeout(() => {
      sent.current = typed
      onChange(typed.trim())
    }, WAITS_MS)
    return () => clearTimeout(timer)
  }, [typed, onChange])
  useShortcut('/', words.search.label, () => input.current?.focus(), { group: words.name })
  useShortcut('mod+k', words.search.label, () => input.current?.focus(), { group: words.name, inFields: true })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    sent.current = typed
    onChange(typed.trim())
  }
  const chips = chipsOf(box)
  const refused = error instanceof ApiError && error.field === 'q' ? error : null
  return (
    <search className="min-w-0 flex-1">
      <form onSubmit={submit} className="relative">
        <Search aria-hidden size={17} className="pointer-events-none absolute inset-y-0 start-3 my-auto text-soft" />
        <input
          ref={input}
          id={id}
          type="text"
          enterKeyHint="search"
          autoComplete="off"
          spellCheck={false}
          maxLength={1000}
          className="field ps-9 pe-9"
          aria-label={words.search.label}
          placeholder={words.search.placeholder}
          value={typed}
          aria-invalid={refused !== null}
          aria-describedby={refused ? `${id}-error` : `${id}-help`}
          onFocus={() => setHelping(true)}
          onBlur={() => setHelping(false)}
          onChange={event => setTyped(event.target.value)}
          onKeyDown={event => {
            if (event.key !== 'Escape') return
            event.stopPropagation()
            if (typed) setTyped('')
            else input.current?.blur()
          }}
        />
        {typed && (
          <button
            type="button"
            aria-label={words.search.clear}
            className="absolute inset-y-0 end-1.5 my-auto grid size-7 place-items-center rounded text-soft hover:text-ink"
            onClick={() => {
              setTyped('')
              input.current?.focus()
            }}
          >
            <X aria-hidden size={16} />
          </button>
        )}
        <p
          id={`${id}-help`}
          className={
            isHelping && !typed
              ? 'card absolute inset-x-0 top-full z-20 mt-1 px-4 py-3 text-sm text-soft shadow-lift'
              : 'sr-only'
          }
        >
          {words.search.help}
        </p>
      </form>
      {refused ? (
        <pre id={`${id}-error`} role="alert" className="mt-1.5 overflow-x-auto font-mono text-xs text-bad">
          {refused.message}
        </pre>
      ) : (
        chips.length > 0 && (
          <ul aria-label={words.search.terms} className="mt-2 flex flex-wrap gap-1.5">
            {chips.map(chip => (
              <li key={chip.at} className="flex max-w-full items-center rounded-full border border-edge/60 ps-2.5 text-sm">
                <span className="truncate">
                  {chip.isNegated && <span className="text-bad">{words.search.not} </span>}
                  {chip.name && <span className="text-soft">{chip.name}: </span>}
                  {chip.value}
                </span>
                <button
                  type="button"
                  aria-label={words.search.remove(chip.text)}
                  className="grid size-7 place-items-center rounded-full text-soft hover:text-ink"
                  onClick={() => onChange(withoutChip(box, chip))}
                >
                  <X aria-hidden size={13} />
                </button>
              </li>
            ))}
          </ul>
        )
      )}
    </search>
  )
}
