// Which pictures stand beside the one that is looked at: those of the shelf it was opened from.
import { idAt, type Shelf } from '~/gallery/shelf'
import type { Section } from '~/gallery/timeline'
import { comeBackTo } from '~/gallery/useChoosing'
import { cameFrom, to } from '~/shell/router'

interface Walk {
  shelf: Shelf
  sections: readonly Section[]
  /** Ids that were walked over, by place. */
  ids: Map<number, string>
}

let walk: Walk | null = null

/** The viewer is about to be opened from a place of a shelf. */
export function walkWith(shelf: Shelf, sections: readonly Section[], place: number): void {
  walk = { shelf, sections, ids: new Map() }
  void around(place, 1)
}

/** Where one came from; the picture one looked at last has the focus there. */
export function wayBackFrom(id: string): string {
  const place = placeOf(id)
  if (walk && place !== null) comeBackTo(walk.shelf.key, place)
  return wayBack()
}

/** The viewer is opened from a screen that is no shelf: nothing stands beside the picture. */
export function walkAlone(): void {
  walk = null
}

/** Where one came from; the gallery, where it was from outside. */
export function wayBack(): string {
  return cameFrom() ?? to.gallery()
}

/** Place of a picture on the shelf; null: it was opened by itself. */
export function placeOf(id: string): number | null {
  for (const [place, known] of walk?.ids ?? []) if (known === id) return place
  return null
}

/** The ids around a place, in order, as far as there are some. */
export async function around(place: number, reach: number): Promise<{ id: string; place: number }[]> {
  if (!walk) return []
  const { shelf, sections, ids } = walk
  const found: { id: string; place: number }[] = []
  for (let at = Math.max(0, place - reach); at <= Math.min(shelf.total - 1, place + reach); at += 1) {
    const id = ids.get(at) ?? (await idAt(shelf, sections, at))
    if (!id) continue
    ids.set(at, id)
    found.push({ id, place: at })
  }
  return found
}
