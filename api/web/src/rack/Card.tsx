// One GPU: what it runs, what its memory holds, how warm it is, its last hour; and what it can be told.
import { useQuery } from '@tanstack/react-query'
import { Pause, Pin, PinOff, Play, X } from 'lucide-react'
import { type FormEvent, lazy, Suspense, useState } from 'react'
import { api } from '~/api/client'
import { models } from '~/api/queries'
import { useFeed } from '~/jobs/feed'
import { Button } from '~/parts/Button'
import { counted, joules, lasting, sized, useWords } from '~/strings'
import { tell, type Worker } from './asks'
import { energyOf } from './energy'
import { type Part, partsOf } from './memory'
import { type WaitingFor, waitingFor } from './waiting'

const Chart = lazy(() => import('./Chart'))

/** From this share of the bar on there is room for a name. */
const NAMED = 0.12
/** A model that was used this short a time ago is in use. */
const AT_WORK_S = 1

const FILLS: Record<Part['kind'], string> = {
  model: 'bg-accent text-on-accent',
  work: 'bg-accent/40',
  others: 'bg-edge',
  free: 'bg-transparent',
}

interface Props {
  worker: Worker
  /** Everything that waits on the rack. */
  waiting: readonly WaitingFor[]
  operates: boolean
}

export function Card({ worker, waiting, operates }: Props) {
  const words = useWords().rack
  const { name, gpu, state } = worker
  const isPaused = state === 'draining'
  const order = (what: 'drain' | 'resume') =>
    tell(
      api.POST(`/v1/workers/{name}/${what}`, { params: { path: { name } } }),
      what === 'drain' ? words.drained(name) : words.resumed(name),
    )
  return (
    <article className="card space-y-4 p-5" aria-label={name}>
      <header className="flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h3 className="truncate font-semibold">{gpu.name}</h3>
          <p className="label truncate">
            {name} · {worker.host}
          </p>
        </div>
        <span
          className={`rounded-full border px-2.5 py-0.5 text-sm ${state === 'busy' ? 'border-accent text-accent' : 'border-line text-soft'}`}
        >
          {words.state[state]}
        </span>
        {operates && (
          <Button
            weight="quiet"
            aria-label={`${isPaused ? words.resume : words.drain}: ${name}`}
            title={isPaused ? words.resume : words.drain}
            onClick={() => void order(isPaused ? 'resume' : 'drain')}
          >
            {isPaused ? <Play aria-hidden size={17} /> : <Pause aria-hidden size={17} />}
          </Button>
        )}
      </header>
      {worker.note && <p className="text-sm text-bad">{worker.note}</p>}
      <Running worker={worker} />
      <Memory worker={worker} operates={operates} />
      <dl className="flex flex-wrap gap-x-8 gap-y-1 text-sm">
        <Fact name={words.use} value={gpu.utilisation_percent} unit="%" />
        <Fact name={words.temperature} value={gpu.temperature_c} unit="°C" />
        <Fact name={words.power} value={gpu.power_w} unit="W" />
        <Energy worker={name} />
      </dl>
      <Waiting title={words.waitsHere} waiting={waitingFor(worker, waiting)} />
      <details>
        <summary className="label cursor-pointer py-1">{words.lastHour}</summary>
        <Suspense fallback={null}>
          <Chart worker={name} />
        </Suspense>
      </details>
      {operates && <Load worker={name} />}
    </article>
  )
}

function Fact({ name, value, unit }: { name: string; value: number | null; unit: string }) {
  if (value === null) return null
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="text-lg tabular-nums">
        {Math.round(value)} <span className="text-sm text-soft">{unit}</span>
      </dd>
    </div>
  )
}

function Energy({ worker }: { worker: string }) {
  const words = useWords().rack
  const jobs = useFeed(feed => feed.jobs)
  const energy = energyOf(Object.values(jobs), worker)
  if (energy === null) return null
  return (
    <div>
      <dt className="label">{words.energy}</dt>
      <dd className="text-lg tabular-nums">{joules(energy)}</dd>
    </div>
  )
}

/** How many jobs wait for which model. */
export function Waiting({ title, waiting }: { title: string; waiting: readonly WaitingFor[] }) {
  if (waiting.length === 0) return null
  return (
    <dl className="flex flex-wrap gap-x-5 text-sm">
      <dt className="text-soft">{title}</dt>
      {waiting.map(({ name, count }) => (
        <dd key={name}>
          {name} <strong className="tabular-nums">{counted(count)}</strong>
        </dd>
      ))}
    </dl>
  )
}

function Running({ worker }: { worker: Worker }) {
  const words = useWords().rack
  const jobs = useFeed(feed => feed.jobs)
  const previews = useFeed(feed => feed.previews)
  if (worker.running.length === 0) {
    return (
      <p className="text-sm text-soft">{worker.others_jobs > 0 ? words.others(worker.others_jobs) : words.nothing}</p>
    )
  }
  return (
    <ul className="space-y-2">
      {worker.running.map(({ id, phase }) => {
        const job = jobs[id]
        const progress = job?.progress
        const preview = previews[id]
        const prompt = job?.params.prompt
        return (
          <li key={id} className="flex items-center gap-3">
            {preview ? (
              <img src={preview.data} alt="" className="size-14 rounded-lg object-cover" />
            ) : (
              <span aria-hidden className="size-14 animate-pulse rounded-lg bg-raised" />
            )}
            <div className="min-w-0 flex-1 text-sm">
              <p className="truncate">{typeof prompt === 'string' && prompt ? prompt : (job?.model ?? id)}</p>
              <p className="label">
                {words.phase[phase] ?? phase}
                {progress && progress.steps > 0 && ` · ${words.step(progress.step, progress.steps)}`}
              </p>
              {progress && (
                <div
                  role="progressbar"
                  aria-label={id}
                  aria-valuemin={0}
                  aria-valuemax={100}
                  aria-valuenow={Math.round(progress.percent)}
                  className="mt-1 h-1.5 overflow-hidden rounded-full bg-raised"
                >
                  <div className="h-full bg-accent transition-[width]" style={{ width: `${progress.percent}%` }} />
                </div>
              )}
            </div>
          </li>
        )
      })}
    </ul>
  )
}

function Memory({ worker, operates }: { worker: Worker; operates: boolean }) {
  const words = useWords().rack
  const parts = partsOf(worker)
  const used = parts.filter(part => part.kind !== 'free').reduce((sum, part) => sum + part.mib, 0)
  const named = (part: Part) =>
    part.name || (part.kind === 'others' ? words.ghost : part.kind === 'free' ? words.free : '…')
  return (
    <div>
      <p className="mb-1 flex justify-between text-sm">
        <span className="text-soft">{words.memory}</span>
        <span className="tabular-nums">
          {words.memoryOf(sized(used), sized(worker.gpu.total_mib))}{' '}
          <span className="label">{words.budget(sized(worker.budget_mib))}</span>
        </span>
      </p>
      <div aria-hidden className="flex h-7 overflow-hidden rounded-lg border border-edge/60">
        {parts.map((part, at) => (
          <span
            key={`${part.kind}${part.name}`}
            title={`${named(part)} ${sized(part.mib)}`}
            className={`truncate text-xs leading-7 ${part.share > NAMED ? 'px-1.5' : ''} ${FILLS[part.kind]} ${at > 0 ? 'border-s border-ground' : ''}`}
            style={{ width: `${part.share * 100}%` }}
          >
            {part.share > NAMED && part.kind === 'model' ? part.name : ''}
          </span>
        ))}
      </div>
      <ul className="mt-2 space-y-1 text-sm">
        {worker.resident.map(({ model, held_mib, idle_s, pinned }) => (
          <li key={model} className="flex items-center gap-2">
            <span className="min-w-0 flex-1 truncate">
              {model}{' '}
              <span className="label">
                {sized(held_mib)} ·{' '}
                {pinned ? words.pinned : idle_s < AT_WORK_S ? words.atWork : words.idle(lasting(idle_s))}
              </span>
            </span>
            {operates && (
              <>
                <Button
                  weight="quiet"
                  aria-label={pinned ? words.unpin(model) : words.pin(model)}
                  title={pinned ? words.unpin(model) : words.pin(model)}
                  onClick={() =>
                    void tell(
                      api.POST('/v1/models/switch', { body: { model_id: model, worker: worker.name, pin: !pinned } }),
                      words.told(model),
                    )
                  }
                >
                  {pinned ? <PinOff aria-hidden size={15} /> : <Pin aria-hidden size={15} />}
                </Button>
                <Button
                  weight="quiet"
                  aria-label={words.unload(model)}
                  title={words.unload(model)}
                  onClick={() =>
                    void tell(
                      api.POST('/v1/models/unload', { body: { model_id: model, worker: worker.name } }),
                      words.told(model),
                    )
                  }
                >
                  <X aria-hidden size={15} />
                </Button>
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}

function Load({ worker }: { worker: string }) {
  const words = useWords().rack
  const { data } = useQuery(models)
  const [model, setModel] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (model) void tell(api.POST('/v1/models/switch', { body: { model_id: model, worker } }), words.told(model))
  }
  return (
    <form onSubmit={submit} className="flex gap-2">
      <select
        aria-label={words.load}
        className="field text-sm"
        value={model}
        onChange={event => setModel(event.target.value)}
      >
        <option value="">{words.load}…</option>
        {data
          ?.filter(each => each.state === 'available')
          .map(each => (
            <option key={each.id} value={each.id}>
              {each.title || each.id}
            </option>
          ))}
      </select>
      <Button type="submit" className="shrink-0 text-sm" disabled={!model}>
        {words.loadGo}
      </Button>
    </form>
  )
}
