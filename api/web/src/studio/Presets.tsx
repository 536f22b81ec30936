// Settings with a name, kept in the library: take one, save the form as one, delete one.
import { useQuery } from '@tanstack/react-query'
import { Bookmark, Trash2 } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api } from '~/api/client'
import { presets, queryClient } from '~/api/queries'
import { Button } from '~/parts/Button'
import { Flyout } from '~/parts/Flyout'
import { Trouble, told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { useWords } from '~/strings'
import { useDraft } from './draft'
import { useModels } from './ModelChoice'
import { draftOf, requestOf } from './request'

export function Presets() {
  const words = useWords().studio
  const [isOpen, setOpen] = useState(false)
  return (
    <Flyout
      label={words.presets}
      isOpen={isOpen}
      onOpen={setOpen}
      button={
        <Button weight="quiet" className="text-sm">
          <Bookmark aria-hidden size={15} /> {words.presets}
        </Button>
      }
    >
      <List onTaken={() => setOpen(false)} />
      <Save onSaved={() => setOpen(false)} />
    </Flyout>
  )
}

function List({ onTaken }: { onTaken: () => void }) {
  const words = useWords()
  const { data, error, refetch } = useQuery(presets)
  const mine = data?.filter(preset => preset.kind === 'generate') ?? []
  const remove = async (id: string) => {
    try {
      await api.DELETE('/v1/presets/{preset_id}', { params: { path: { preset_id: id } } })
    } catch (problem) {
      toast(told(problem, words), { tone: 'bad' })
    }
    await queryClient.invalidateQueries(presets)
  }
  if (error && !data) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data && mine.length === 0) return <p className="p-2 text-soft">{words.studio.noPresets}</p>
  return (
    <ul>
      {mine.map(({ id, name, params }) => (
        <li key={id} className="flex items-center gap-1">
          <button
            type="button"
            dir="auto"
            className="min-h-8 min-w-0 flex-1 truncate rounded-lg px-2 py-1 text-start hover:bg-raised"
            onClick={() => {
              useDraft.setState(was => ({
                ...draftOf(params, null),
                prompt: was.prompt || String(params.prompt ?? ''),
              }))
              onTaken()
            }}
          >
            {name}
          </button>
          <Button weight="quiet" aria-label={words.studio.deletePreset(name)} onClick={() => void remove(id)}>
            <Trash2 aria-hidden size={15} />
          </Button>
        </li>
      ))}
    </ul>
  )
}

function Save({ onSaved }: { onSaved: () => void }) {
  const words = useWords()
  const { chosen } = useModels()
  const [name, setName] = useState('')
  const save = async (event: FormEvent) => {
    event.preventDefault()
    const { priority: _, image: __, ...params } = requestOf(useDraft.getState(), chosen)
    try {
      await api.POST('/v1/presets', { body: { name: name.trim(), kind: 'generate', params, is_default: false } })
      await queryClient.invalidateQueries(presets)
      toast(words.studio.saved(name.trim()), { tone: 'good' })
      onSaved()
    } catch (error) {
      toast(told(error, words), { tone: 'bad' })
    }
  }
  return (
    <form onSubmit={save} className="mt-2 space-y-1 border-t border-line pt-3">
      <label className="block space-y-1">
        <span className="label">{words.studio.savePreset}</span>
        <input
          className="field"
          required
          maxLength={100}
          placeholder={words.studio.presetName}
          value={name}
          onChange={event => setName(event.target.value)}
        />
      </label>
      <Button type="submit">{words.studio.save}</Button>
    </form>
  )
}
