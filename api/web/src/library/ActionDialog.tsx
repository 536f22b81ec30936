// Which action to do with some pictures: a preset by one click, or with fields of one's own, as the server describes them.
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useId, useState } from 'react'
import type { Schemas } from '~/api/client'
import { models } from '~/api/queries'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { counted, useWords } from '~/strings'
import { fieldsOf, overridesOf, ownOf, stepOf, type Typed } from './actionForm'
import type { Action, Overrides } from './actions'

type Take = (action: Action, preset: string | null, overrides?: Overrides) => void

interface Props {
  actions: readonly Action[]
  count: number
  onAction: Take
  onClose: () => void
}

export function ActionDialog({ actions, count, onAction, onClose }: Props) {
  const words = useWords().gallery
  const [adjusted, setAdjusted] = useState('')
  const take: Take = (action, preset, overrides) => {
    onAction(action, preset, overrides)
    onClose()
  }
  return (
    <Dialog title={words.bulk.actionsTitle(counted(count), count)} onClose={onClose} width="max-w-2xl">
      <ul className="space-y-5">
        {actions.map(action => (
          <li key={action.name}>
            <h3 className="font-semibold">{action.title}</h3>
            <p className="label mb-2">{action.summary}</p>
            {count > action.max_ids ? (
              <p className="text-sm text-bad">{words.bulk.tooMany(counted(action.max_ids))}</p>
            ) : (
              <>
                <div className="flex flex-wrap gap-2">
                  {action.presets.length === 0 && <Button onClick={() => take(action, null)}>{action.title}</Button>}
                  {action.presets.map(preset => (
                    <Button
                      key={preset.name}
                      title={preset.summary}
                      weight={preset.name === action.default_preset ? 'strong' : 'plain'}
                      onClick={() => take(action, preset.name)}
                    >
                      {preset.title}
                    </Button>
                  ))}
                  {fieldsOf(action).length > 0 && (
                    <Button
                      weight="quiet"
                      aria-expanded={adjusted === action.name}
                      aria-label={`${words.action.adjust}: ${action.title}`}
                      onClick={() => setAdjusted(was => (was === action.name ? '' : action.name))}
                    >
                      {words.action.adjust}…
                    </Button>
                  )}
                </div>
                {adjusted === action.name && <ActionForm action={action} onTake={take} />}
              </>
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function ActionForm({ action, onTake }: { action: Action; onTake: Take }) {
  const words = useWords().gallery.action
  const [preset, setPreset] = useState(action.default_preset ?? '')
  const [typed, setTyped] = useState<Typed>({})
  const fields = fieldsOf(action)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onTake(action, preset || null, overridesOf(fields, typed))
  }
  return (
    <form onSubmit={submit} className="card mt-3 grid gap-3 p-4 sm:grid-cols-2">
      {action.presets.length > 0 && (
        <label className="block space-y-1 sm:col-span-2">
          <span className="label">{words.preset}</span>
          <select className="field text-sm" value={preset} onChange={event => setPreset(event.target.value)}>
            {action.default_preset === null && <option value="">{words.none}</option>}
            {action.presets.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
      )}
      {fields.map(field => (
        <FieldOf
          key={field.name}
          field={field}
          kind={action.kind}
          own={ownOf(action, field, preset || null)}
          text={typed[field.name] ?? ''}
          onType={text => setTyped(was => ({ ...was, [field.name]: text }))}
        />
      ))}
      <Button weight="strong" type="submit" className="sm:col-span-2">
        {words.go(action.title)}
      </Button>
    </form>
  )
}

interface FieldProps {
  field: Schemas['FormField']
  kind: Action['kind']
  /** What it is if nothing is typed; empty: the picture's own, or the model's. */
  own: string
  text: string
  onType: (text: string) => void
}

function FieldOf({ field, kind, own, text, onType }: FieldProps) {
  const words = useWords().gallery.action
  const id = useId()
  const { data } = useQuery({ ...models, enabled: field.type === 'model' })
  const label = words.fields[field.name] ?? field.title
  const asIs = own || words.own
  const choices =
    field.type === 'model'
      ? (data ?? []).filter(each => each.kind === kind && each.state === 'available').map(each => each.id)
      : field.choices
  const common = { id, className: 'field text-sm', value: text, 'aria-describedby': `${id}-about` }
  return (
    <div className={`space-y-1 ${field.type === 'text' ? 'sm:col-span-2' : ''}`}>
      <label htmlFor={id} className="label">
        {label}
      </label>
      {field.type === 'text' ? (
        <textarea
          {...common}
          dir="auto"
          rows={2}
          maxLength={field.max_chars ?? undefined}
          placeholder={asIs}
          onChange={event => onType(event.target.value)}
        />
      ) : field.type === 'choice' || field.type === 'model' ? (
        <select {...common} onChange={event => onType(event.target.value)}>
          <option value="">{asIs}</option>
          {choices.map(choice => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          type="number"
          min={field.minimum ?? undefined}
          max={field.maximum ?? undefined}
          step={stepOf(field)}
          placeholder={asIs}
          onChange={event => onType(event.target.value)}
        />
      )}
      <span id={`${id}-about`} className="sr-only">
        {field.description}
      </span>
    </div>
  )
}
