// Who did what: the newest deeds that change something for others.
import { useQuery } from '@tanstack/react-query'
import { api, got } from '~/api/client'
import { moment, useWords } from '~/strings'
import { pace } from './asks'
import { Section } from './RackScreen'

export function Audit() {
  const words = useWords().rack.audit
  const { data } = useQuery({
    queryKey: ['rack', 'audit'],
    queryFn: async ({ signal }) =>
      (await got(api.GET('/v1/audit', { params: { query: { limit: 50 } }, signal }))).entries,
    refetchInterval: () => pace('audit'),
  })
  return (
    <Section title={words.title}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the arrow keys must reach it */}
      <ul tabIndex={0} aria-label={words.title} className="card max-h-96 divide-y divide-line overflow-y-auto text-sm">
        {data?.length === 0 && <li className="p-4 text-soft">{words.none}</li>}
        {data?.map(({ id, at, who, what, target, outcome }) => (
          <li key={id} className="flex flex-wrap gap-x-3 px-4 py-1.5">
            <span className="label">{at ? moment(at) : ''}</span>
            <span>{who}</span>
            <span className={outcome === 'refused' ? 'text-bad' : 'text-soft'}>{words.what[what] ?? what}</span>
            <span className="min-w-0 truncate font-mono">{target}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}
