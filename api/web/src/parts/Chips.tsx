// One choice of a few, as chips: native radio buttons, so arrow keys and screen readers know them.
import { type ReactNode, useId } from 'react'

interface Props<T extends string> {
  label: string
  chosen: T
  choices: readonly { value: T; text: string; icon?: ReactNode }[]
  onChoose: (value: T) => void
}

export function Chips<T extends string>({ label, chosen, choices, onChoose }: Props<T>) {
  const name = useId()
  return (
    <fieldset>
      <legend className="label mb-1.5">{label}</legend>
      <div className="flex flex-wrap gap-1.5">
        {choices.map(({ value, text, icon }) => (
          <label
            key={value}
            className="flex min-h-8 cursor-pointer items-center gap-1.5 rounded-full border border-line px-3 py-1 text-sm text-soft transition hover:border-edge hover:text-ink has-checked:border-accent has-checked:bg-glow has-checked:text-accent has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              className="sr-only"
              name={name}
              checked={value === chosen}
              onChange={() => onChoose(value)}
            />
            {icon}
            {text}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
