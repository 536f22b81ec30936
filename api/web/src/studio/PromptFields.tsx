// The words: what the picture shows, what it must not show, and earlier prompts at the arrow keys.
import { Minus } from 'lucide-react'
import { type RefObject, useEffect, useId, useRef, useState } from 'react'
import { Button } from '~/parts/Button'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { useDraft } from './draft'
import { History, usePrompts } from './History'

const MOST_CHARS = 4000

export function PromptFields() {
  const words = useWords().studio
  const { prompt, negative } = useDraft()
  const [showsNegative, setShowsNegative] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  const step = useStepping()
  useShortcut('alt+a', words.prompt, () => field.current?.focus(), { group: words.title, inFields: true })
  useShortcut('alt+ArrowUp', words.history, () => step(1), { group: words.title, inFields: true })
  useShortcut('alt+ArrowDown', words.history, () => step(-1), { group: words.title, inFields: true, isUnlisted: true })
  useGrowing(field, prompt)
  return (
    <div className="space-y-2">
      <div className="flex items-end justify-between">
        <label htmlFor={id} className="font-serif text-lg">
          {words.prompt}
        </label>
        <History />
      </div>
      <textarea
        id={id}
        ref={field}
        dir="auto"
        rows={3}
        maxLength={MOST_CHARS}
        className="field min-h-24 resize-none text-base leading-relaxed"
        placeholder={words.promptHint}
        value={prompt}
        onChange={event => useDraft.setState({ prompt: event.target.value })}
      />
      {showsNegative || negative ? (
        <label className="block space-y-1">
          <span className="label">{words.negative}</span>
          <textarea
            dir="auto"
            rows={2}
            maxLength={MOST_CHARS}
            className="field resize-none text-sm"
            value={negative}
            onChange={event => useDraft.setState({ negative: event.target.value })}
          />
        </label>
      ) : (
        <Button weight="quiet" className="-ms-2 text-sm" onClick={() => setShowsNegative(true)}>
          <Minus aria-hidden size={15} /> {words.addNegative}
        </Button>
      )}
    </div>
  )
}

/** Goes through earlier prompts; what was typed is the youngest of them and comes back at the end. */
function useStepping(): (by: 1 | -1) => void {
  const { data } = usePrompts('')
  const at = useRef(-1)
  const typed = useRef({ prompt: '', negative: '' })
  return by => {
    const found = data?.prompts ?? []
    const next = Math.min(found.length - 1, Math.max(-1, at.current + by))
    if (next === at.current) return
    if (at.current === -1) {
      const { prompt, negative } = useDraft.getState()
      typed.current = { prompt, negative }
    }
    at.current = next
    const chosen = found[next]
    useDraft.setState(chosen ? { prompt: chosen.prompt, negative: chosen.negative_prompt } : typed.current)
  }
}

/** The field is as high as its text, up to a third of the window. */
function useGrowing(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what changes the height
  useEffect(() => {
    const area = field.current
    if (!area) return
    area.style.height = 'auto'
    area.style.height = `${Math.min(area.scrollHeight + 2, window.innerHeight / 3)}px`
  }, [field, text])
}
