// What happened in the last day, in words; and what each host's doctor found, with what to do about it.
import { useQuery } from '@tanstack/react-query'
import { moment, useWords } from '~/strings'
import { doctorOf, eventsOf } from './asks'
import { Section } from './RackScreen'

const TONES: Record<string, string> = {
  warning: 'text-accent',
  error: 'text-bad',
  problem: 'text-bad',
  note: 'text-accent',
}

export function Events() {
  const words = useWords().rack.events
  const { data, error } = useQuery(eventsOf)
  if (error) return null
  return (
    <Section title={words.title}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the arrow keys must reach it */}
      <ul tabIndex={0} aria-label={words.title} className="card max-h-96 divide-y divide-line overflow-y-auto">
        {data?.length === 0 && <li className="p-4 text-soft">{words.none}</li>}
        {data?.map(({ id, at, level, text }) => (
          <li key={id} className="flex gap-3 px-4 py-2 text-sm">
            <time dateTime={at} className="label shrink-0">
              {moment(at)}
            </time>
            <span className={`min-w-0 break-words ${TONES[level] ?? ''}`}>{text}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function Doctor() {
  const words = useWords().rack.doctor
  const { data, error } = useQuery(doctorOf)
  if (error) return null
  const found = data?.flatMap(host =>
    host.findings.filter(each => each.level !== 'ok').map(each => ({ ...each, host: host.host })),
  )
  return (
    <Section title={words.title}>
      <ul className="card divide-y divide-line">
        {data?.length === 0 && <li className="p-4 text-soft">{words.none}</li>}
        {data && data.length > 0 && found?.length === 0 && <li className="p-4 text-good">{words.fine}</li>}
        {found?.map(each => (
          <li key={each.host + each.subject + each.text} className="px-4 py-2 text-sm">
            <p className={TONES[each.level] ?? ''}>
              <strong>{each.subject}</strong> <span className="break-words">{each.text}</span>
            </p>
            <p className="label">
              {each.host}
              {each.advice && ` · ${each.advice}`}
            </p>
          </li>
        ))}
      </ul>
    </Section>
  )
}
