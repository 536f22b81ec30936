// Who may come in: people, their roles and limits, and their keys. A new key is shown once.
import { useQuery } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, got, type Schemas } from '~/api/client'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { moment, useWords } from '~/strings'
import { tell } from './asks'
import { Section } from './RackScreen'

type Person = Schemas['PersonView']
type Role = Schemas['Role']

const ROLES: readonly Role[] = ['viewer', 'user', 'operator', 'admin']
const LIMITS = ['unfinished_jobs', 'gpu_s_per_day', 'stored_mib', 'requests_per_s', 'batch_members'] as const

const peopleOf = {
  queryKey: ['rack', 'people'],
  queryFn: async ({ signal }: { signal: AbortSignal }) => (await got(api.GET('/v1/people', { signal }))).people,
}

export function People() {
  const words = useWords().rack.people
  const { data } = useQuery(peopleOf)
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('user')
  const [openName, setOpen] = useState<string | null>(null)
  const open = data?.find(person => person.name === openName)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (await tell(api.POST('/v1/people', { body: { name: name.trim(), role } }), words.added(name.trim()))) setName('')
  }
  return (
    <Section title={words.title}>
      <ul className="card divide-y divide-line empty:hidden">
        {data?.map(person => (
          <li key={person.name} className="flex items-center gap-3 px-4 py-2 text-sm">
            <span className="min-w-0 flex-1 truncate">
              {person.name} <span className="label">{person.is_disabled ? words.disabled : person.role}</span>
            </span>
            <Button
              weight="quiet"
              className="text-sm"
              aria-label={`${words.keys}: ${person.name}`}
              onClick={() => setOpen(person.name)}
            >
              <KeyRound aria-hidden size={15} /> {words.keys}
            </Button>
          </li>
        ))}
      </ul>
      <form onSubmit={submit} className="flex flex-wrap gap-2">
        <input
          className="field min-w-32 flex-1 text-sm"
          required
          maxLength={100}
          aria-label={words.name}
          placeholder={words.name}
          value={name}
          onChange={event => setName(event.target.value)}
        />
        <select
          aria-label={words.role}
          className="field w-auto! text-sm"
          value={role}
          onChange={event => setRole(event.target.value as Role)}
        >
          {ROLES.map(each => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <Button type="submit" className="text-sm">
          <Plus aria-hidden size={15} /> {words.add}
        </Button>
      </form>
      {open && <OnePerson person={open} onClose={() => setOpen(null)} />}
    </Section>
  )
}

function OnePerson({ person, onClose }: { person: Person; onClose: () => void }) {
  const words = useWords().rack.people
  const [made, setMade] = useState('')
  const [role, setRole] = useState(person.role)
  const [weight, setWeight] = useState(String(person.weight))
  const [limits, setLimits] = useState<Record<string, string>>(() =>
    Object.fromEntries(LIMITS.map(name => [name, person.limits[name]?.toString() ?? ''])),
  )
  const path = { name: person.name }
  const keys = useQuery({
    queryKey: ['rack', 'keys', person.name],
    queryFn: async ({ signal }) =>
      (await got(api.GET('/v1/keys', { params: { query: { person: person.name } }, signal }))).keys,
  })
  const newKey = async () => {
    await tell(
      got(api.POST('/v1/keys', { body: { person: person.name, note: '' } })).then(key =>
        setMade((key as Schemas['NewKey']).key),
      ),
      '',
    )
  }
  const save = (event: FormEvent) => {
    event.preventDefault()
    const wish = Object.fromEntries(LIMITS.map(name => [name, limits[name] ? Number(limits[name]) : null]))
    // Nobody changes their own role, so one that stays is not sent.
    const body = { limits: wish, weight: Number(weight), ...(role === person.role ? {} : { role }) }
    void tell(api.PATCH('/v1/people/{name}', { params: { path }, body }), words.saved(person.name)).then(
      // What was said stands on the screen, below the dialog.
      isDone => isDone && onClose(),
    )
  }
  return (
    <Dialog title={person.name} onClose={onClose}>
      <div className="space-y-5 text-sm">
        <Button
          onClick={() =>
            void tell(
              api.PATCH('/v1/people/{name}', { params: { path }, body: { is_disabled: !person.is_disabled } }),
              '',
            ).then(done => done && onClose())
          }
        >
          {person.is_disabled ? words.unlock : words.lock}
        </Button>
        <section>
          <h3 className="eyebrow mb-2">{words.keys}</h3>
          <ul className="mb-3 space-y-1">
            {keys.data?.map(key => (
              <li key={key.id} className="flex items-center gap-3">
                <span className="min-w-0 flex-1 truncate">
                  <span className="font-mono">{key.id}</span>{' '}
                  <span className="label">
                    {key.is_revoked
                      ? words.revoked
                      : key.last_used_at
                        ? words.lastUsed(moment(key.last_used_at))
                        : words.never}
                  </span>
                </span>
                {!key.is_revoked && (
                  <Button
                    weight="quiet"
                    className="hover:text-bad"
                    onClick={() =>
                      void tell(
                        api.DELETE('/v1/keys/{key_id}', { params: { path: { key_id: key.id } } }),
                        words.ended,
                      ).then(isDone => isDone && setMade(''))
                    }
                  >
                    {words.revoke}
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {made ? (
            <p role="status">
              {words.keyOnce}{' '}
              <code className="mt-1 block rounded-lg bg-ground p-2 font-mono break-all select-all">{made}</code>
            </p>
          ) : (
            <Button onClick={() => void newKey()}>{words.newKey}</Button>
          )}
        </section>
        <form onSubmit={save} className="space-y-2">
          <h3 className="eyebrow">{words.limits}</h3>
          <label className="flex items-center justify-between gap-4">
            <span>{words.role}</span>
            <select className="field w-32!" value={role} onChange={event => setRole(event.target.value as Role)}>
              {ROLES.map(each => (
                <option key={each}>{each}</option>
              ))}
            </select>
          </label>
          <label className="flex items-center justify-between gap-4">
            <span>{words.weight}</span>
            <input
              className="field w-32!"
              type="number"
              required
              min={0.1}
              step="any"
              value={weight}
              onChange={event => setWeight(event.target.value)}
            />
          </label>
          {LIMITS.map(name => (
            <label key={name} className="flex items-center justify-between gap-4">
              <span>{words.limit[name]}</span>
              <input
                className="field w-32!"
                type="number"
                min={0}
                step="any"
                placeholder={person.effective_limits[name]?.toString() ?? words.unlimited}
                value={limits[name] ?? ''}
                onChange={event => setLimits(was => ({ ...was, [name]: event.target.value }))}
              />
            </label>
          ))}
          <Button type="submit" weight="strong">
            {words.save}
          </Button>
        </form>
      </div>
    </Dialog>
  )
}
