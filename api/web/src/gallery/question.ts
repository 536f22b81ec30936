// What the gallery shows: a box of terms beside what its screen fixes (the trash, an album). It lies in the address, so a
// link, a reload and the way back show the same; its `key` names what is remembered of it.
import { isRanked } from './chips'

export type Sort = 'relevance' | 'newest' | 'album'

export interface Question {
  box: string
  /** relevance and album: one list in an order of its own; newest: months. */
  sort: Sort
  /** One tile a stack. */
  stacked: boolean
  /** Id of the album that is looked at; empty: none. */
  album: string
  trashed: boolean
}

/** What the API takes in the query of lists, months and facets. */
export interface Asked {
  q?: string
  album?: string
  trashed?: boolean
  stacked?: boolean
}

/** The question of an address; what the screen fixes comes beside it. Pure. */
export function questionOf(query: URLSearchParams, fixed: { album?: string; trashed?: boolean } = {}): Question {
  const box = query.get('q') ?? ''
  const album = fixed.album ?? ''
  const usual: Sort = album ? 'album' : 'relevance'
  const wanted = query.get('sort') === 'newest' ? 'newest' : usual
  return {
    box,
    sort: wanted === 'relevance' && !isRanked(box) ? 'newest' : wanted,
    stacked: query.get('stacks') === '1',
    album,
    trashed: fixed.trashed ?? false,
  }
}

/** The address of a question, without what the screen fixes. Pure. */
export function addressOf(question: Pick<Question, 'box' | 'sort' | 'stacked' | 'album'>): string {
  const query = new URLSearchParams()
  if (question.box.trim()) query.set('q', question.box.trim())
  if (question.sort === 'newest' && (question.album || isRanked(question.box))) query.set('sort', 'newest')
  if (question.stacked) query.set('stacks', '1')
  return query.toString()
}

/** The question with another box. Words that come into it are ranked; who chose to see them by month keeps that. Pure. */
export function boxed(question: Question, box: string): Question {
  const isByChoice = question.sort === 'newest' && (question.album !== '' || isRanked(question.box))
  const usual: Sort = question.album ? 'album' : isRanked(box) ? 'relevance' : 'newest'
  return { ...question, box, sort: isByChoice ? 'newest' : usual }
}

export function askedOf({ box, album, trashed, stacked }: Question): Asked {
  return {
    ...(box.trim() && { q: box.trim() }),
    ...(album && { album }),
    ...(trashed && { trashed }),
    ...(stacked && { stacked }),
  }
}

/** Names the question; the same pictures in the same order have the same key. Pure. */
export function keyOf(question: Question): string {
  return JSON.stringify([question.box.trim(), question.sort, question.stacked, question.album, question.trashed])
}
