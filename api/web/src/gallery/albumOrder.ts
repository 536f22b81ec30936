// Moving pictures within an album's own order: where they come to stand, and the list as it is then, shown before the API
// has answered. Pure.
import type { PackedMonth } from './packed'

/** What `POST /v1/albums/{id}/order` takes. */
export interface Move {
  /** In the order they stand in. */
  ids: string[]
  /** The picture they come to stand before; null: the end. */
  before: string | null
}

/** One place earlier or later, the first place, the last one. */
export type Way = 'earlier' | 'later' | 'first' | 'last'

/** The ids of a list in its order. */
export function idsOf(month: PackedMonth): string[] {
  return Array.from({ length: month.count }, (_, place) => month.idAt(place))
}

/** These pictures one way along the order, as one block; null: they stand there already. */
export function movedAlong(order: readonly string[], which: ReadonlySet<string>, way: Way): Move | null {
  const { ids, others, at } = partsOf(order, which)
  const goals: Record<Way, number> = { earlier: at - 1, later: at + 1, first: 0, last: others.length }
  const goal = goals[way]
  if (ids.length === 0 || goal < 0 || goal > others.length) return null
  return changed(order, { ids, before: others[goal] ?? null })
}

/** These pictures to the side of another one; null: nothing would change, or it is one of them. */
export function movedBeside(
  order: readonly string[],
  which: ReadonlySet<string>,
  other: string,
  isAfter: boolean,
): Move | null {
  const { ids, others } = partsOf(order, which)
  const place = others.indexOf(other)
  if (ids.length === 0 || place < 0) return null
  return changed(order, { ids, before: others[place + (isAfter ? 1 : 0)] ?? null })
}

/** The order after a move. */
export function orderAfter(order: readonly string[], { ids, before }: Move): string[] {
  const moved = new Set(ids)
  const others = order.filter(id => !moved.has(id))
  const place = before === null ? others.length : others.indexOf(before)
  return [...others.slice(0, place), ...ids, ...others.slice(place)]
}

/** The list with its rows in another order. */
export function rearranged(month: PackedMonth, order: readonly string[]): PackedMonth {
  const places = new Map(idsOf(month).map((id, place) => [id, place]))
  const placeOf = (place: number) => places.get(order[place] ?? '') ?? place
  return {
    count: month.count,
    idAt: place => month.idAt(placeOf(place)),
    secondAt: place => month.secondAt(placeOf(place)),
    aspectAt: place => month.aspectAt(placeOf(place)),
  }
}

function partsOf(order: readonly string[], which: ReadonlySet<string>) {
  const ids = order.filter(id => which.has(id))
  const others = order.filter(id => !which.has(id))
  // Before the first of them stand only others.
  return { ids, others, at: order.findIndex(id => which.has(id)) }
}

function changed(order: readonly string[], move: Move): Move | null {
  return orderAfter(order, move).every((id, place) => id === order[place]) ? null : move
}
