// Rows of pictures that fill a width exactly and keep every picture's shape: greedy, as text is set.
// A row is closed as soon as its pictures, at the wanted height, are as wide as the page; its height then shrinks to fit.

export interface RowsWanted {
  /** Of the page, in CSS pixels. */
  width: number
  /** A row is at most so high, in CSS pixels. */
  height: number
  gap: number
}

export interface JustifiedRow {
  /** Place of its first picture, and of the first one behind it. */
  from: number
  to: number
  /** Upper edge, from the first row's. */
  top: number
  height: number
}

export interface Box {
  left: number
  width: number
}

/** Panoramas and slivers are shown cropped to these shapes, so that one of them does not become a row of a few pixels. */
export const NARROWEST = 0.4
export const WIDEST = 3

export function shownAspect(aspect: number): number {
  return Math.min(WIDEST, Math.max(NARROWEST, aspect || 1))
}

/** Rows of `count` pictures. The last one is not stretched: it keeps the wanted height. Pure. */
export function justifiedRows(count: number, aspectAt: (place: number) => number, wanted: RowsWanted): JustifiedRow[] {
  const rows: JustifiedRow[] = []
  let from = 0
  let top = 0
  let aspects = 0
  for (let place = 0; place < count; place += 1) {
    aspects += shownAspect(aspectAt(place))
    const gaps = wanted.gap * (place - from)
    const isFull = aspects * wanted.height + gaps >= wanted.width
    if (!isFull && place < count - 1) continue
    const height = isFull ? Math.max(1, (wanted.width - gaps) / aspects) : wanted.height
    rows.push({ from, to: place + 1, top, height })
    top += height + wanted.gap
    from = place + 1
    aspects = 0
  }
  return rows
}

/** Where the pictures of a row stand. Pure. */
export function boxesOf(row: JustifiedRow, aspectAt: (place: number) => number, gap: number): Box[] {
  let left = 0
  return Array.from({ length: row.to - row.from }, (_, at) => {
    const width = shownAspect(aspectAt(row.from + at)) * row.height
    const box = { left, width }
    left += width + gap
    return box
  })
}

/** Height of rows with the gaps between them. Pure. */
export function heightOf(rows: readonly JustifiedRow[]): number {
  const last = rows.at(-1)
  return last ? last.top + last.height : 0
}

/** First row whose lower edge is below `y`; rows.length where there is none. Pure, by halving. */
export function rowAt(rows: readonly JustifiedRow[], y: number): number {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    const row = rows[middle] as JustifiedRow
    if (row.top + row.height > y) high = middle
    else low = middle + 1
  }
  return low
}
