// biome-ignore-all lint/a11y/useSemanticElements: a table can neither be drawn in part nor set as justified rows
// biome-ignore-all lint/a11y/useFocusableInteractive: the cells take the focus, one of them at a time
// The grid: rows of pictures below the headings of their months. Only what is near the window is there as elements;
// everything else is arithmetic, so that 100,000 pictures are as quick as 100.
import { memo, type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { counted, useWords } from '~/strings'
import { boxesOf, type JustifiedRow, type RowsWanted, rowAt } from './justified'
import type { PackedMonth } from './packed'
import { Scrubber } from './Scrubber'
import { SIZES, useGallerySettings } from './settings'
import type { Shelf } from './shelf'
import { Tile } from './Tile'
import { HEADING_PX, moved, type Section, sectionsBetween, sectionsOf, Typesetter, totalHeight } from './timeline'

const GAP_PX = 4
/** Rows so far outside the window are there already. */
const AHEAD_PX = 700
/** How exactly the scroll position is followed: finer would draw more often than anything changes. */
const FOLLOWED_PX = 120
/** Months that are passed more quickly than this are not asked for. */
const STAYS_MS = 90

export interface GridHandle {
  sections: readonly Section[]
  wanted: RowsWanted
  scroller: HTMLDivElement | null
}

interface Props {
  shelf: Shelf
  isChosen: (id: string) => boolean
  isChoosing: boolean
  focus: number
  titleOf: (month: number) => string
  handle: RefObject<GridHandle>
  /** What the events of the whole grid mean. */
  events: Record<string, unknown>
  label: string
}

/** Where somebody was in each question, until the page is left. */
const remembered = new Map<string, number>()

export function Grid({ shelf, isChosen, isChoosing, focus, titleOf, handle, events, label }: Props) {
  const words = useWords().gallery
  const scroller = useRef<HTMLDivElement>(null)
  const size = useSize(scroller)
  const rowHeight = SIZES[useGallerySettings(settings => settings.size)] ?? SIZES[2]
  // A phone shows at least two pictures side by side.
  const wanted = useMemo<RowsWanted>(
    () => ({ width: size.width, height: Math.min(rowHeight, size.width / 1.6), gap: GAP_PX }),
    [size.width, rowHeight],
  )
  const [typesetter] = useState(() => new Typesetter())
  const sections = useMemo(
    () => (wanted.width > 0 ? sectionsOf(shelf.buckets, shelf.packed, wanted, typesetter) : []),
    [shelf.buckets, shelf.packed, wanted, typesetter],
  )
  handle.current = { sections, wanted, scroller: scroller.current }
  const [top, setTop] = useState(0)
  useSteady(scroller, sections, shelf.key, setTop)
  const total = totalHeight(sections)
  const shown = sectionsBetween(sections, top - AHEAD_PX, top + size.height + AHEAD_PX + FOLLOWED_PX)
  useLook(shelf, shown)
  const room = Math.max(1, total - size.height)
  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        className="absolute inset-0 overflow-y-auto overscroll-contain ps-4 pe-10 [scrollbar-width:none] max-md:ps-1.5 max-md:pe-8"
        onScroll={event => {
          const at = Math.floor(event.currentTarget.scrollTop / FOLLOWED_PX) * FOLLOWED_PX
          if (sections.length) remembered.set(shelf.key, event.currentTarget.scrollTop)
          setTop(at)
        }}
        {...events}
      >
        <div
          role="grid"
          aria-label={label}
          aria-multiselectable="true"
          aria-rowcount={-1}
          tabIndex={-1}
          className="relative outline-none"
          style={{ height: total }}
        >
          {shown.map(section => (
            <Month
              key={section.month}
              section={section}
              month={shelf.packed(section.month)}
              title={titleOf(section.month)}
              count={words.count(counted(section.count), section.count)}
              from={top - AHEAD_PX - section.top - HEADING_PX}
              to={top + size.height + AHEAD_PX + FOLLOWED_PX - section.top - HEADING_PX}
              isChosen={isChosen}
              isChoosing={isChoosing}
              focus={focus - section.first < section.count ? focus : -1}
              trashed={shelf.question.trashed}
            />
          ))}
        </div>
      </div>
      <Scrubber
        sections={sections}
        at={Math.min(1, (scroller.current?.scrollTop ?? top) / room)}
        height={size.height - 16}
        titleOf={titleOf}
        onMove={at => scroller.current?.scrollTo({ top: at * room })}
      />
    </div>
  )
}

interface MonthProps {
  section: Section
  month: PackedMonth | undefined
  title: string
  count: string
  from: number
  to: number
  isChosen: (id: string) => boolean
  isChoosing: boolean
  focus: number
  trashed: boolean
}

function Month({ section, month, title, count, from, to, isChosen, isChoosing, focus, trashed }: MonthProps) {
  const { rows } = section
  const first = rows ? rowAt(rows, from) : 0
  const last = rows ? Math.min(rows.length, rowAt(rows, to) + 1) : 0
  return (
    <div
      role="rowgroup"
      aria-label={title}
      className="absolute inset-x-0"
      style={{ top: section.top, height: section.height }}
    >
      {title && (
        <div
          role="row"
          className="sticky top-0 z-[5] flex items-end bg-ground/90 pb-1.5"
          style={{ height: HEADING_PX }}
        >
          <div role="rowheader" className="flex items-baseline gap-3 truncate">
            <h2 className="text-lg">{title}</h2>
            <span className="label">{count}</span>
          </div>
        </div>
      )}
      {rows && month ? (
        rows
          .slice(first, last)
          .map((row, at) => (
            <Row
              key={row.from}
              row={row}
              index={first + at}
              month={month}
              offset={section.first}
              isChosen={isChosen}
              isChoosing={isChoosing}
              focus={focus - section.first >= row.from && focus - section.first < row.to ? focus : -1}
              trashed={trashed}
            />
          ))
      ) : (
        <div className="absolute inset-x-0 bottom-0 animate-pulse rounded-lg bg-surface" style={{ top: HEADING_PX }} />
      )}
    </div>
  )
}

interface RowProps {
  row: JustifiedRow
  index: number
  month: PackedMonth
  /** Place of the month's first picture among all. */
  offset: number
  isChosen: (id: string) => boolean
  isChoosing: boolean
  focus: number
  trashed: boolean
}

const Row = memo(function Row({ row, index, month, offset, isChosen, isChoosing, focus, trashed }: RowProps) {
  const boxes = useMemo(() => boxesOf(row, month.aspectAt, GAP_PX), [row, month])
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className="absolute inset-x-0"
      style={{ top: HEADING_PX + row.top, height: row.height }}
    >
      {boxes.map((box, at) => {
        const id = month.idAt(row.from + at)
        const place = offset + row.from + at
        return (
          <Tile
            key={id}
            id={id}
            place={place}
            box={box}
            height={row.height}
            column={at + 1}
            isChosen={isChosen(id)}
            isChoosing={isChoosing}
            isFocus={focus === place}
            trashed={trashed}
          />
        )
      })}
    </div>
  )
})

/** Months are fetched when they stay in sight for a moment. */
function useLook({ look }: Shelf, shown: readonly Section[]): void {
  const months = shown.map(section => section.month).join()
  const hasLooked = useRef(false)
  useEffect(() => {
    if (!months) return look([])
    // Nothing was passed on the way to the first ones.
    const timer = setTimeout(() => look(months.split(',').map(Number)), hasLooked.current ? STAYS_MS : 0)
    hasLooked.current = true
    return () => clearTimeout(timer)
  }, [look, months])
}

/** What is looked at stays where it is when months above get their real height; another question begins where it was left. */
function useSteady(
  scroller: RefObject<HTMLDivElement | null>,
  sections: readonly Section[],
  key: string,
  onTop: (top: number) => void,
): void {
  const before = useRef<{ key: string; sections: readonly Section[] }>({ key: '', sections: [] })
  const place = useCallback(
    (to: number) => {
      if (!scroller.current) return
      scroller.current.scrollTop = to
      onTop(Math.floor(scroller.current.scrollTop / FOLLOWED_PX) * FOLLOWED_PX)
    },
    [scroller, onTop],
  )
  useLayoutEffect(() => {
    const was = before.current
    if (!scroller.current || sections.length === 0) return
    before.current = { key, sections }
    if (was.key !== key) place(remembered.get(key) ?? 0)
    else if (was.sections !== sections && scroller.current.scrollTop > 0) {
      const by = moved(was.sections, sections, scroller.current.scrollTop)
      if (Math.abs(by) >= 1) place(scroller.current.scrollTop + by)
    }
  }, [scroller, sections, key, place])
}

function useSize(element: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const watched = element.current
    if (!watched) return
    const measure = () => {
      const style = getComputedStyle(watched)
      const width = watched.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight)
      setSize(was =>
        was.width === width && was.height === watched.clientHeight ? was : { width, height: watched.clientHeight },
      )
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(watched)
    return () => observer.disconnect()
  }, [element])
  return size
}
