// A number between two ends: a slider and its value, which can be typed. Where nothing is set, the model's own value shows.
import { X } from 'lucide-react'
import { useId } from 'react'
import { useWords } from '~/strings'
import { Button } from './Button'

interface Props {
  label: string
  /** null: nothing set. */
  value: number | null
  /** What counts while nothing is set. */
  own: number
  min: number
  max: number
  step: number
  note?: string
  onChange: (value: number | null) => void
}

export function Range({ label, value, own, min, max, step, note, onChange }: Props) {
  const id = useId()
  const words = useWords().studio
  const shown = value ?? own
  return (
    <div>
      <div className="flex items-center justify-between gap-2">
        <label htmlFor={id} className="label">
          {label}
          {note && <span className="ms-2">· {note}</span>}
        </label>
        <span className="flex items-center gap-1">
          {value !== null && value !== own && (
            <Button
              weight="quiet"
              aria-label={`${label}: ${words.reset}`}
              title={words.reset}
              onClick={() => onChange(null)}
            >
              <X aria-hidden size={14} />
            </Button>
          )}
          <input
            type="number"
            aria-label={label}
            className="field w-20 !px-2 !py-0.5 text-end text-sm tabular-nums"
            min={min}
            max={max}
            step={step}
            value={shown}
            onChange={event => onChange(within(event.target.valueAsNumber, min, max))}
          />
        </span>
      </div>
      <input
        id={id}
        type="range"
        className="h-6 w-full accent-accent"
        min={min}
        max={max}
        step={step}
        value={shown}
        onChange={event => onChange(event.target.valueAsNumber)}
      />
    </div>
  )
}

/** A typed number between the ends; null where the field is empty. Pure. */
export function within(value: number, min: number, max: number): number | null {
  return Number.isNaN(value) ? null : Math.min(max, Math.max(min, value))
}
