// Earlier prompts, from the library: everything this person ever asked for, to look through and take again.
import { useQuery } from '@tanstack/react-query'
import { History as Clock } from 'lucide-react'
import { useDeferredValue, useState } from 'react'
import { api, got } from '~/api/client'
import { Button } from '~/parts/Button'
import { Flyout } from '~/parts/Flyout'
import { Trouble } from '~/parts/Trouble'
import { moment, useWords } from '~/strings'
import { useDraft } from './draft'

const SHOWN = 50

export function usePrompts(text: string, isOn = true) {
  return useQuery({
    queryKey: ['prompts', text],
    queryFn: ({ signal }) => got(api.GET('/v1/prompts', { params: { query: { words: text, limit: SHOWN } }, signal })),
    enabled: isOn,
    placeholderData: before => before,
  })
}

export function History() {
  const words = useWords().studio
  const [isOpen, setOpen] = useState(false)
  return (
    <Flyout
      label={words.history}
      isOpen={isOpen}
      onOpen={setOpen}
      button={
        <Button weight="quiet" className="-me-2 text-sm whitespace-nowrap">
          <Clock aria-hidden size={15} /> {words.history}
        </Button>
      }
    >
      <Prompts onTaken={() => setOpen(false)} />
    </Flyout>
  )
}

function Prompts({ onTaken }: { onTaken: () => void }) {
  const words = useWords().studio
  const [typed, setTyped] = useState('')
  const text = useDeferredValue(typed)
  const { data, error, refetch } = usePrompts(text)
  const found = data?.prompts ?? []
  const take = (prompt: string, negative: string) => {
    useDraft.setState({ prompt, negative })
    onTaken()
  }
  return (
    <div className="space-y-2">
      <input
        type="search"
        className="field"
        aria-label={words.searchHistory}
        placeholder={words.searchHistory}
        maxLength={300}
        value={typed}
        onChange={event => setTyped(event.target.value)}
      />
      {error && <Trouble error={error} onRetry={() => void refetch()} />}
      {data && found.length === 0 && <p className="p-2 text-soft">{text ? words.noneFound : words.noHistory}</p>}
      <ul>
        {found.map(({ id, prompt, negative_prompt, uses, last_used_at }) => (
          <li key={id}>
            <button
              type="button"
              className="w-full rounded-lg px-2 py-1.5 text-start hover:bg-raised"
              onClick={() => take(prompt, negative_prompt)}
            >
              <span dir="auto" className="line-clamp-2 break-words">
                {prompt}
              </span>
              <span className="label">
                {moment(last_used_at)} · {words.used(uses)}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
