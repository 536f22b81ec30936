// Shape, number and seed: what is changed for nearly every picture.
import { Dices, Lock } from 'lucide-react'
import { useId } from 'react'
import { useFeed } from '~/jobs/feed'
import { picturesOf } from '~/jobs/pictures'
import { Button } from '~/parts/Button'
import { Chips } from '~/parts/Chips'
import { useWords } from '~/strings'
import { useDraft } from './draft'
import { useModels } from './ModelChoice'
import { sizeFor } from './request'
import { RATIOS } from './shape'

const OWN = 'own'
const COUNTS = ['1', '2', '4', '8'] as const
/** Sides of the little picture of a shape: so many square pixels. */
const ICON_AREA = 150

export function Shape() {
  const words = useWords().studio
  const draft = useDraft()
  const { chosen } = useModels()
  const isFree = draft.width !== null && draft.height !== null
  const size = sizeFor(draft, chosen) ?? (draft.start ? null : chosen?.defaults)
  const own = draft.start ? words.shapes.picture : words.shapes.own
  const choices = [
    { value: OWN, text: own },
    ...Object.entries(RATIOS).map(([name, ratio]) => ({ value: name, text: name, icon: <Frame ratio={ratio} /> })),
  ]
  return (
    <div className="space-y-4">
      <Chips
        label={size ? `${words.shape} · ${words.pixels(size.width, size.height)}` : words.shape}
        chosen={isFree ? '' : (draft.ratio ?? OWN)}
        choices={choices}
        onChoose={value => useDraft.setState({ ratio: value === OWN ? null : value, width: null, height: null })}
      />
      <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
        <Chips
          label={words.count}
          chosen={String(draft.n)}
          choices={COUNTS.map(value => ({ value, text: value }))}
          onChoose={value => useDraft.setState({ n: Number(value) })}
        />
        <Seed />
      </div>
    </div>
  )
}

function Frame({ ratio }: { ratio: number }) {
  const width = Math.sqrt(ICON_AREA * ratio)
  return (
    <svg aria-hidden="true" width={width} height={width / ratio}>
      <rect
        x="0.75"
        y="0.75"
        width={width - 1.5}
        height={width / ratio - 1.5}
        rx="1.5"
        fill="none"
        stroke="currentColor"
      />
    </svg>
  )
}

function Seed() {
  const words = useWords().studio
  const seed = useDraft(draft => draft.seed)
  const last = useLastSeed()
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="label mb-1.5 block">
        {words.seed}
      </label>
      <div className="flex items-center gap-1">
        <input
          id={id}
          type="number"
          min={0}
          max={4294967295}
          step={1}
          placeholder={words.seedNew}
          className="field w-36 !py-1 text-sm tabular-nums"
          value={seed ?? ''}
          onChange={event => useDraft.setState({ seed: seedIn(event.target.value) })}
        />
        {seed === null ? (
          <Button
            weight="quiet"
            aria-label={words.lockSeed}
            title={words.lockSeed}
            disabled={last === null}
            onClick={() => useDraft.setState({ seed: last })}
          >
            <Lock aria-hidden size={17} />
          </Button>
        ) : (
          <Button
            weight="quiet"
            aria-label={words.freeSeed}
            title={words.freeSeed}
            onClick={() => useDraft.setState({ seed: null })}
          >
            <Dices aria-hidden size={17} />
          </Button>
        )}
      </div>
    </div>
  )
}

/** A typed seed; null where it is empty or negative, which means: a new one. Pure. */
export function seedIn(text: string): number | null {
  const seed = Number.parseInt(text, 10)
  return Number.isNaN(seed) || seed < 0 ? null : Math.min(seed, 4294967295)
}

function useLastSeed(): number | null {
  return useFeed(({ jobs, order }) => {
    for (const id of order) {
      const made = jobs[id] ? picturesOf(jobs[id]) : []
      if (made[0]) return made[0].seed
    }
    return null
  })
}
