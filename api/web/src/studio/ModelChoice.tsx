// Which model makes the picture: the chosen one as a card, the others behind it, with what each is good at, under which
// licence it stands and what it costs to load now.
import { useQuery } from '@tanstack/react-query'
import { Check, ChevronDown } from 'lucide-react'
import { useState } from 'react'
import type { Schemas } from '~/api/client'
import { models } from '~/api/queries'
import { Dialog } from '~/parts/Dialog'
import { Trouble } from '~/parts/Trouble'
import { lasting, sized, useWords, type Words } from '~/strings'
import { useDraft } from './draft'

export type Model = Schemas['ModelView']

/** The models that make pictures, the one that counts now, and whether it was chosen or is the rack's own choice. */
export function useModels() {
  const { data, error, refetch } = useQuery(models)
  const named = useDraft(draft => draft.model)
  const makers: Model[] = data?.filter(model => model.kind === 'generate') ?? []
  const chosen = makers.find(model => model.id === named) ?? makers.find(model => model.is_default)
  return { makers, chosen, isLoaded: data !== undefined, error, refetch }
}

export function ModelChoice() {
  const words = useWords().studio
  const { makers, chosen, isLoaded, error, refetch } = useModels()
  const isNamed = useDraft(draft => draft.model !== null)
  const [isOpen, setOpen] = useState(false)
  if (error && !isLoaded) return <Trouble error={error} onRetry={() => void refetch()} />
  if (!isLoaded) return <div className="card h-20 animate-pulse" />
  return (
    <>
      <button
        type="button"
        aria-haspopup="dialog"
        className="card flex w-full items-center gap-3 p-3 text-start transition hover:border-edge"
        onClick={() => setOpen(true)}
      >
        <span className="min-w-0 flex-1">
          <span className="label block">
            {words.model}
            {!isNamed && chosen && ` · ${words.byItself}`}
          </span>
          <span className="block truncate font-semibold">{chosen?.title ?? words.noModel}</span>
          {chosen && <span className="label block truncate">{loadCost(chosen, words)}</span>}
        </span>
        <ChevronDown aria-hidden size={18} className="text-soft" />
        <span className="sr-only">{words.changeModel}</span>
      </button>
      {isOpen && (
        <Dialog title={words.chooseModel} width="max-w-3xl" onClose={() => setOpen(false)}>
          <ul className="grid gap-3 sm:grid-cols-2">
            {makers.map(model => (
              <li key={model.id}>
                <ModelCard
                  model={model}
                  isChosen={model.id === chosen?.id}
                  onChoose={() => {
                    useDraft.setState({ model: model.id })
                    setOpen(false)
                  }}
                />
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  )
}

function ModelCard({ model, isChosen, onChoose }: { model: Model; isChosen: boolean; onChoose: () => void }) {
  const words = useWords().studio
  const isHere = model.state === 'available'
  return (
    <button
      type="button"
      aria-pressed={isChosen}
      disabled={!isHere}
      className="card flex h-full w-full flex-col gap-2 p-4 text-start transition enabled:hover:border-edge aria-pressed:border-accent aria-pressed:bg-glow"
      onClick={onChoose}
    >
      <span className="flex items-start justify-between gap-2 font-semibold">
        {model.title}
        {isChosen && <Check aria-hidden size={18} className="shrink-0 text-accent" />}
      </span>
      <span className="text-sm text-soft">{model.summary}</span>
      {model.good_at.length > 0 && (
        <span className="flex flex-wrap gap-1">
          {model.good_at.map(what => (
            <span key={what} className="rounded-full bg-raised px-2 py-0.5 text-xs">
              {what}
            </span>
          ))}
        </span>
      )}
      <span className="label mt-auto">
        {isHere ? loadCost(model, words) : `${words.notHere}: darkroom pull ${model.id}`}
        <br />
        {model.vram.weights_mib ? `${words.weights(sized(model.vram.weights_mib))} · ` : ''}
        {words.licence}: {model.licence}
      </span>
    </button>
  )
}

/** What starting on this model costs now, in words. Pure. */
export function loadCost(model: Pick<Model, 'load' | 'state'>, words: Words['studio']): string {
  if (model.state === 'missing') return words.notHere
  const { is_loaded, seconds } = model.load
  if (is_loaded) return words.loaded
  return seconds === null ? words.loadsUnknown : words.loads(lasting(seconds))
}
