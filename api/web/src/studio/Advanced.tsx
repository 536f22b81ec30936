// Everything else, within what the chosen model can do: its limits and samplers come from its own description.
import { ChevronRight } from 'lucide-react'
import { useId } from 'react'
import { Button } from '~/parts/Button'
import { Range } from '~/parts/Range'
import { Switch } from '~/parts/Switch'
import { useWords } from '~/strings'
import { type Draft, EMPTY, FINE, useDraft } from './draft'
import { useModels } from './ModelChoice'
import { sizeFor } from './request'

const MOST_GUIDANCE = 20

export function Advanced() {
  const words = useWords().studio
  const draft = useDraft()
  const { chosen } = useModels()
  if (!chosen?.defaults || !chosen.limits) return null
  const { defaults, limits, samplers = [] } = chosen
  const set = (change: Partial<Draft>) => useDraft.setState(change)
  const size = sizeFor(draft, chosen) ?? defaults
  const sides = { min: limits.min_side_px, max: limits.max_side_px, step: limits.size_step_px }
  const isChanged = FINE.some(field => draft[field] !== null)
  return (
    <details className="group" open={isChanged || undefined}>
      <summary className="flex cursor-pointer list-none items-center gap-1.5 py-1 text-soft hover:text-ink">
        <ChevronRight aria-hidden size={17} className="transition group-open:rotate-90 rtl:rotate-180" />
        {words.advanced}
      </summary>
      <div className="mt-2 space-y-4 border-s-2 border-line ps-4">
        <Range
          label={words.steps}
          value={draft.steps}
          own={defaults.steps}
          min={1}
          max={limits.max_steps}
          step={1}
          onChange={steps => set({ steps })}
        />
        <Range
          label={words.guidance}
          value={draft.guidance}
          own={defaults.guidance_scale}
          min={0}
          max={MOST_GUIDANCE}
          step={0.5}
          onChange={guidance => set({ guidance })}
        />
        <Pick
          label={words.sampler}
          value={draft.scheduler}
          own={defaults.scheduler}
          choices={samplers.map(({ name }) => name)}
          onPick={scheduler => set({ scheduler, schedule: null })}
        />
        <Pick
          label={words.schedule}
          value={draft.schedule}
          own={defaults.schedule ?? null}
          choices={samplers.find(({ name }) => name === (draft.scheduler ?? defaults.scheduler))?.schedules ?? []}
          onPick={schedule => set({ schedule })}
        />
        <Range
          label={words.width}
          value={draft.width}
          own={size.width}
          {...sides}
          onChange={width => set({ width, height: width === null ? null : (draft.height ?? size.height) })}
        />
        <Range
          label={words.height}
          value={draft.height}
          own={size.height}
          {...sides}
          onChange={height => set({ height, width: height === null ? null : (draft.width ?? size.width) })}
        />
        <Switch label={words.keep} isOn={draft.keep ?? false} onChange={keep => set({ keep: keep || null })} />
        {isChanged && (
          <Button onClick={() => set(Object.fromEntries(FINE.map(field => [field, EMPTY[field]])))}>
            {words.reset}
          </Button>
        )}
      </div>
    </details>
  )
}

interface PickProps {
  label: string
  value: string | null
  own: string | null
  choices: readonly string[]
  onPick: (value: string | null) => void
}

function Pick({ label, value, own, choices, onPick }: PickProps) {
  const words = useWords().studio
  const id = useId()
  if (choices.length === 0) return null
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="label">
        {label}
      </label>
      <select
        id={id}
        className="field text-sm"
        value={value ?? ''}
        onChange={event => onPick(event.target.value || null)}
      >
        <option value="">{own ? words.asModel(own) : words.asModelPlain}</option>
        {choices.map(choice => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    </div>
  )
}
