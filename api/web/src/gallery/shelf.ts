// The pictures of a question in their order, whatever that is: months that come when they are looked at, or one list (what
// a search ranked, an album's own order). Grid and viewer both walk along a shelf.
import { keepPreviousData, queryOptions, useQueries, useQuery } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { api, got } from '~/api/client'
import { queryClient } from '~/api/queries'
import { type PackedMonth, unpackedMonth } from './packed'
import { type Asked, askedOf, keyOf, type Question } from './question'
import { type Row, rowStore } from './rows'
import { type Bucket, placed, type Section } from './timeline'

/** The one section of a list that has no months. */
export const LIST = 0
const PAGE = 500
/** With the jobs of the frame an idle page so asks less than once in ten seconds. */
const LOOKS_MS = 30_000

export interface Shelf {
  key: string
  question: Question
  total: number
  buckets: readonly Bucket[]
  packed: (month: number) => PackedMonth | undefined
  /** Months that are looked at: their rows are fetched. */
  look: (months: readonly number[]) => void
  isPending: boolean
  error: Error | null
  refetch: () => void
  /** Of a search: whether meaning was asked too; null: no search. */
  semantic: boolean | null
}

export const bucketsOf = (asked: Asked) =>
  queryOptions({
    queryKey: ['assets', 'buckets', asked],
    queryFn: async ({ signal }) => await got(api.GET('/v1/assets/buckets', { params: { query: asked }, signal })),
    refetchInterval: LOOKS_MS,
    placeholderData: keepPreviousData,
  })

export const monthOf = (asked: Asked, month: number) =>
  queryOptions({
    queryKey: ['assets', 'month', asked, month],
    queryFn: async ({ signal }) => {
      const answer = await api.GET('/v1/assets/buckets/{month}', {
        params: { path: { month: String(month) }, query: asked },
        parseAs: 'arrayBuffer',
        signal,
      })
      return unpackedMonth(answer.data as ArrayBuffer)
    },
    // The buckets tell when it has changed.
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  })

const listOf = (question: Question) =>
  queryOptions({
    queryKey: ['assets', 'list', keyOf(question)],
    queryFn: async ({ signal }) => await allRows(question, signal),
    placeholderData: keepPreviousData,
    structuralSharing: false,
  })

interface Listed {
  month: PackedMonth
  semantic: boolean | null
}

/** Every row of a ranked search, or of an album in its order, page after page. */
async function allRows(question: Question, signal: AbortSignal): Promise<Listed> {
  const rows: Row[] = []
  let cursor = ''
  let semantic: boolean | null = null
  do {
    const { sort } = question
    const query = { ...askedOf(question), limit: PAGE, ...(cursor && { cursor }) }
    if (sort === 'album') {
      const page = await got(api.GET('/v1/assets', { params: { query: { ...query, sort } }, signal }))
      rows.push(...page.assets)
      cursor = page.next_cursor ?? ''
    } else {
      const page = await got(api.GET('/v1/search', { params: { query: { ...query, sort } }, signal }))
      rows.push(...page.found.map(each => each.asset))
      cursor = page.next_cursor ?? ''
      semantic = page.semantic
    }
  } while (cursor)
  rowStore.put(rows)
  return { month: listed(rows), semantic }
}

/** A list in the shape of a month. Pure. */
export function listed(rows: readonly Row[]): PackedMonth {
  return {
    count: rows.length,
    idAt: place => rows[place]?.id ?? '',
    secondAt: () => 0,
    aspectAt: place => {
      const row = rows[place]
      return row?.width && row.height ? row.width / row.height : 1
    },
  }
}

export function useShelf(question: Question): Shelf {
  const isListed = question.sort !== 'newest'
  const asked = useMemo(() => askedOf(question), [question])
  const buckets = useQuery({ ...bucketsOf(asked), enabled: !isListed })
  const list = useQuery({ ...listOf(question), enabled: isListed })
  const [looked, setLooked] = useState<readonly number[]>([])
  const wanted = isListed ? [] : looked
  const months = useQueries({ queries: wanted.map(month => monthOf(asked, month)) })
  const arrived = months.filter(month => month.data).length
  useRecounted(asked, buckets.data?.buckets)

  const listMonth = list.data?.month
  // `arrived` is what tells that a month has come: the months themselves lie in the cache.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  const packed = useCallback(
    (month: number) => (isListed ? listMonth : queryClient.getQueryData(monthOf(asked, month).queryKey)),
    [asked, isListed, listMonth, arrived, months.map(month => month.dataUpdatedAt).join()],
  )
  const look = useCallback((next: readonly number[]) => {
    setLooked(was => (was.join() === next.join() ? was : next))
  }, [])
  const asking = isListed ? list : buckets
  return {
    key: keyOf(question),
    question,
    total: isListed ? (listMonth?.count ?? 0) : (buckets.data?.total ?? 0),
    buckets: useMemo(
      () => (isListed ? (listMonth ? [{ month: LIST, count: listMonth.count }] : []) : (buckets.data?.buckets ?? [])),
      [isListed, listMonth, buckets.data],
    ),
    packed,
    look,
    isPending: asking.isPending,
    error: asking.error,
    refetch: () => void asking.refetch(),
    semantic: isListed ? (list.data?.semantic ?? null) : null,
  }
}

/** A month that has another count now is fetched again. */
function useRecounted(asked: Asked, buckets: readonly Bucket[] | undefined): void {
  useEffect(() => {
    for (const { month, count } of buckets ?? []) {
      const { queryKey } = monthOf(asked, month)
      const known = queryClient.getQueryData(queryKey)
      if (known && known.count !== count) void queryClient.invalidateQueries({ queryKey })
    }
  }, [asked, buckets])
}

/** Id at a place among all; its month is fetched where it is not here. Null: there is no such place. */
export async function idAt(shelf: Shelf, sections: readonly Section[], place: number): Promise<string | null> {
  const found = placed(sections, place)
  if (!found) return null
  const { section, within } = found
  const known = shelf.packed(section.month)
  const month = known ?? (await queryClient.fetchQuery(monthOf(askedOf(shelf.question), section.month)))
  return within < month.count ? month.idAt(within) : null
}

/** Everything about which pictures there are is asked again: after a change that takes some away or brings some. */
export async function shelvesChanged(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['assets'] })
}
