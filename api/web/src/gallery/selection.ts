// Which pictures are chosen: some by name, or everything that a filter finds but for some.
//
// Everything here is pure; a change is a new selection. `anchor` is where a range begins: the last one that was chosen by
// itself. A drag that comes back over what it chose lets go of it: it always adds to what was chosen before it began.

export interface Selection {
  /** some: `ids` are chosen; all: everything of the question but for `ids`. */
  kind: 'some' | 'all'
  ids: ReadonlySet<string>
  anchor: number | null
}

export const NOTHING: Selection = { kind: 'some', ids: new Set(), anchor: null }
export const EVERYTHING: Selection = { kind: 'all', ids: new Set(), anchor: null }

/** Ids at the places from..to, whichever is first; places that are not known yet are left out. */
export type IdAt = (place: number) => string | null

export function isChosen(selection: Selection, id: string): boolean {
  return selection.ids.has(id) === (selection.kind === 'some')
}

/** How many of `total` are chosen. */
export function countOf(selection: Selection, total: number): number {
  return selection.kind === 'some' ? selection.ids.size : Math.max(0, total - selection.ids.size)
}

export function isEmpty(selection: Selection, total: number): boolean {
  return countOf(selection, total) === 0
}

/** One more, or one fewer. */
export function toggled(selection: Selection, id: string, place: number): Selection {
  const ids = new Set(selection.ids)
  if (!ids.delete(id)) ids.add(id)
  return { ...selection, ids, anchor: place }
}

/** Everything from the anchor to a place is chosen too; without an anchor that place alone. */
export function extended(selection: Selection, place: number, idAt: IdAt): Selection {
  const anchor = selection.anchor ?? place
  return { ...withRange(selection, anchor, place, idAt), anchor }
}

/** What a drag from one place to another chooses, on top of what was chosen when it began. */
export function dragged(before: Selection, from: number, to: number, idAt: IdAt): Selection {
  return { ...withRange(before, from, to, idAt), anchor: from }
}

function withRange(selection: Selection, from: number, to: number, idAt: IdAt): Selection {
  const ids = new Set(selection.ids)
  for (let place = Math.min(from, to); place <= Math.max(from, to); place += 1) {
    const id = idAt(place)
    if (id === null) continue
    if (selection.kind === 'some') ids.add(id)
    else ids.delete(id)
  }
  return { ...selection, ids }
}

/** What `PATCH /v1/assets` is told: ids, or the question's filter without the exceptions. */
export type Chosen = { ids: string[] } | { filter: Record<string, unknown> }

/** `filter` is the question as the API answered it. */
export function chosenOf(selection: Selection, filter: Record<string, unknown>): Chosen {
  if (selection.kind === 'some') return { ids: [...selection.ids] }
  if (selection.ids.size === 0) return { filter }
  const without = [...((filter.without as unknown[] | undefined) ?? []), { ids: [...selection.ids] }]
  return { filter: { ...filter, without } }
}
