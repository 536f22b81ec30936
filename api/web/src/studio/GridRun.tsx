// A grid run: several prompts with several seeds on several models, as one batch with a labelled sheet at its end.
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, got } from '~/api/client'
import { queryClient } from '~/api/queries'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { Trouble } from '~/parts/Trouble'
import { counted, useWords } from '~/strings'
import { useDraft } from './draft'
import { cellsOf, type GridForm, gridOf } from './gridRequest'
import { useModels } from './ModelChoice'

const BEAT_MS = 2000
const SHEET_WIDTH = 1600

export function GridRun({ onClose }: { onClose: () => void }) {
  const words = useWords().studio.grid
  const [batch, setBatch] = useState<string | null>(null)
  return (
    <Dialog title={words.title} width="max-w-3xl" onClose={onClose}>
      {batch ? <Progress id={batch} /> : <Form onStarted={setBatch} />}
    </Dialog>
  )
}

function Form({ onStarted }: { onStarted: (batch: string) => void }) {
  const words = useWords().studio.grid
  const { makers, chosen } = useModels()
  const { prompt, seed } = useDraft()
  const [form, setForm] = useState<GridForm>({ prompts: prompt, seeds: String(seed ?? '1, 2, 3'), models: [] })
  const [error, setError] = useState<unknown>(null)
  const here = makers.filter(model => model.state === 'available')
  const cells = cellsOf(form)
  const start = async () => {
    setError(null)
    try {
      const batch = await got(api.POST('/v1/batches', { body: gridOf(form, useDraft.getState(), chosen) }))
      void queryClient.invalidateQueries({ queryKey: ['jobs'] })
      if ('id' in batch) onStarted(batch.id)
    } catch (problem) {
      setError(problem)
    }
  }
  return (
    <div className="space-y-4">
      <p className="text-soft">{words.hint}</p>
      <label className="block space-y-1">
        <span className="label">{words.prompts}</span>
        <textarea
          dir="auto"
          rows={4}
          className="field"
          value={form.prompts}
          onChange={event => setForm({ ...form, prompts: event.target.value })}
        />
      </label>
      <label className="block space-y-1">
        <span className="label">{words.seeds}</span>
        <input
          className="field"
          value={form.seeds}
          onChange={event => setForm({ ...form, seeds: event.target.value })}
        />
      </label>
      <fieldset>
        <legend className="label mb-1">{words.models}</legend>
        <div className="flex flex-wrap gap-x-5 gap-y-2">
          {here.map(({ id, title }) => (
            <label key={id} className="flex items-center gap-2">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={form.models.includes(id)}
                onChange={event => setForm({ ...form, models: chosenThen(form.models, id, event.target.checked) })}
              />
              {title}
            </label>
          ))}
        </div>
      </fieldset>
      {error !== null && <Trouble error={error} />}
      <Button weight="strong" disabled={cells === 0} onClick={() => void start()}>
        {words.run(cells)}
      </Button>
    </div>
  )
}

function Progress({ id }: { id: string }) {
  const words = useWords().studio.grid
  const path = { batch_id: id }
  const { data, error, refetch } = useQuery({
    queryKey: ['batch', id],
    queryFn: ({ signal }) => got(api.GET('/v1/batches/{batch_id}', { params: { path }, signal })),
    refetchInterval: query => (query.state.data?.ended_at ? false : BEAT_MS),
  })
  if (error) return <Trouble error={error} onRetry={() => void refetch()} />
  if (!data) return null
  const { succeeded = 0, failed = 0, cancelled = 0 } = data.counts
  const ended = succeeded + failed + cancelled
  return (
    <div className="space-y-4">
      <p role="status">{words.started}</p>
      <progress className="h-2 w-full accent-accent" max={data.total} value={ended} aria-label={words.title} />
      <p className="text-soft">{words.progress(counted(ended), counted(data.total))}</p>
      {data.ended_at && succeeded > 0 && (
        <img src={`/v1/batches/${id}/sheet?width=${SHEET_WIDTH}`} alt={words.sheet} className="w-full rounded-lg" />
      )}
    </div>
  )
}

/** The list with this one in it, or not. Pure. */
function chosenThen(models: readonly string[], id: string, isChosen: boolean): string[] {
  const others = models.filter(one => one !== id)
  return isChosen ? [...others, id] : others
}
