// How much of one's own limits is used.
import { useQuery } from '@tanstack/react-query'
import { api, got } from '~/api/client'
import { counted, useWords } from '~/strings'
import { pace } from './asks'
import { Section } from './RackScreen'

export function Share() {
  const words = useWords().rack
  const { data } = useQuery({
    queryKey: ['rack', 'me'],
    queryFn: async ({ signal }) => await got(api.GET('/v1/me', { signal })),
    refetchInterval: () => pace('usage'),
  })
  const limited = Object.entries(data?.usage ?? {}).filter(([, each]) => each.limit !== null)
  if (limited.length === 0) return null
  return (
    <Section title={words.usage.title}>
      <dl className="card space-y-3 p-4 text-sm">
        {limited.map(([name, { used, limit }]) => (
          <div key={name}>
            <dt className="flex justify-between">
              <span>{words.people.limit[name] ?? name}</span>
              <span className="tabular-nums">{words.usage.of(counted(Math.round(used)), counted(limit ?? 0))}</span>
            </dt>
            <dd className="mt-1 h-1.5 overflow-hidden rounded-full bg-raised">
              <span
                className="block h-full bg-accent"
                style={{ width: `${Math.min(100, (100 * used) / Math.max(1, limit ?? 1))}%` }}
              />
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  )
}
