// What there is to narrow by, with counts: each value is a term of the search box, put in or taken out by a click.
import { useQuery } from '@tanstack/react-query'
import { api, got } from '~/api/client'
import { Trouble } from '~/parts/Trouble'
import { counted, useWords } from '~/strings'
import { hasTerm, term, toggledTerm } from './chips'
import { askedOf, type Question } from './question'

interface Props {
  question: Question
  onBox: (box: string) => void
}

/** Values of a facet that are shown before one asks for more. */
const SHOWN = 8

type Value = string | number | boolean

/** The term that a value of a facet stands for; null: none (a picture that is no favourite). Pure. */
export function termOf(facet: string, value: Value): string | null {
  if (facet === 'favourite') return value === true ? 'is:favourite' : null
  return term(facet, String(value))
}

export function Facets({ question, onBox }: Props) {
  const words = useWords().gallery
  const asked = askedOf(question)
  const { data, error, refetch } = useQuery({
    queryKey: ['assets', 'facets', asked],
    queryFn: async ({ signal }) => await got(api.GET('/v1/assets/facets', { params: { query: asked }, signal })),
    placeholderData: before => before,
  })
  if (error) return <Trouble error={error} onRetry={() => void refetch()} />
  const facets = Object.entries(data?.facets ?? {})
  return (
    <div className="grid gap-x-8 gap-y-5 sm:grid-cols-2 lg:grid-cols-4">
      {facets.map(([facet, counts]) => {
        const values = counts.flatMap(({ value, count }) => {
          const said = termOf(facet, value)
          return said ? [{ said, value, count }] : []
        })
        if (values.length === 0) return null
        return (
          <section key={facet} className="min-w-0">
            <h3 className="eyebrow mb-1.5">{words.facets[facet as keyof typeof words.facets] ?? facet}</h3>
            <ul className="max-h-52 space-y-0.5 overflow-y-auto">
              {values.slice(0, question.box ? 40 : SHOWN * 3).map(({ said, value, count }) => {
                const isOn = hasTerm(question.box, said)
                return (
                  <li key={said}>
                    <button
                      type="button"
                      aria-pressed={isOn}
                      onClick={() => onBox(toggledTerm(question.box, said))}
                      className={`flex min-h-7 w-full items-baseline gap-2 rounded px-2 text-start text-sm hover:bg-raised ${
                        isOn ? 'bg-glow text-accent' : ''
                      }`}
                    >
                      <span className="truncate">{shownValue(facet, value, words)}</span>
                      <span className="label ms-auto">{counted(count)}</span>
                    </button>
                  </li>
                )
              })}
            </ul>
          </section>
        )
      })}
    </div>
  )
}

function shownValue(facet: string, value: Value, words: ReturnType<typeof useWords>['gallery']): string {
  if (facet === 'favourite') return words.tile.favourite
  if (facet === 'stars') return words.stars(Number(value))
  if (facet === 'size') return String(value).replace('x', ' × ')
  return String(value)
}
