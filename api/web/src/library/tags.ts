// Tags as they are typed: several, with commas between them, each completed from those that the library has.
import { queryOptions } from '@tanstack/react-query'
import { api, got } from '~/api/client'

/** Suggestions at once. */
const SHOWN = 8

/** The library's tags that begin so, the most frequent first. */
export const tagsLike = (prefix: string, limit: number = SHOWN * 2) =>
  queryOptions({
    queryKey: ['tags', prefix, limit],
    queryFn: async ({ signal }) =>
      (await got(api.GET('/v1/tags', { params: { query: { prefix, limit } }, signal }))).tags.map(({ name }) => name),
    staleTime: 30_000,
    placeholderData: before => before,
  })

/** Tags that are written with commas between them. Pure. */
export function tagsIn(text: string): string[] {
  return [...new Set(text.split(',').map(tag => tag.trim()))].filter(Boolean)
}

/** What is being typed: behind the last comma. Pure. */
export function beginningOf(text: string): string {
  return text.slice(text.lastIndexOf(',') + 1).trimStart()
}

/** Those that go on from what is being typed and are not written already. Pure. */
export function suggestionsFor(text: string, known: readonly string[]): string[] {
  const beginning = beginningOf(text).toLowerCase()
  if (!beginning.trim()) return []
  const written = new Set(tagsIn(text).map(tag => tag.toLowerCase()))
  return known.filter(tag => tag.toLowerCase().startsWith(beginning) && !written.has(tag.toLowerCase())).slice(0, SHOWN)
}

/** The text with a tag in place of what was being typed, ready for another one. Pure. */
export function completed(text: string, tag: string): string {
  const before = text.slice(0, text.lastIndexOf(',') + 1)
  return `${before}${before && ' '}${tag}, `
}
