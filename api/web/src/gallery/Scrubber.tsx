// biome-ignore-all lint/correctness/noComponentHookFactories: names of keys, not of components
// The bar beside the grid: the whole library from today to its first month. Drag it, click it, or use it by key.
import { type PointerEvent, useRef, useState } from 'react'
import { useWords } from '~/strings'
import { marksOf, monthAt, type Section, totalHeight } from './timeline'

interface Props {
  sections: readonly Section[]
  /** Where the grid is, 0 (top) to 1. */
  at: number
  height: number
  titleOf: (month: number) => string
  onMove: (at: number) => void
}

export function Scrubber({ sections, at, height, titleOf, onMove }: Props) {
  const words = useWords().gallery
  const bar = useRef<HTMLDivElement>(null)
  const [drag, setDrag] = useState<number | null>(null)
  const [isHover, setHover] = useState(false)
  if (sections.length < 2) return null
  const shown = drag ?? at
  const month = monthAt(sections, shown) ?? 0

  const follow = (event: PointerEvent) => {
    const box = bar.current?.getBoundingClientRect()
    if (!box) return
    const to = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height))
    setDrag(to)
    onMove(to)
  }
  const step = (by: number) => {
    const here = sections.findIndex(section => section.month === monthAt(sections, at + 1e-6))
    const there = sections[Math.min(sections.length - 1, Math.max(0, here + by))]
    if (there) onMove(there.top / totalHeight(sections))
  }
  const keys: Record<string, () => void> = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    PageDown: () => step(12),
    PageUp: () => step(-12),
    Home: () => onMove(0),
    End: () => onMove(1),
  }
  return (
    <div
      ref={bar}
      role="slider"
      aria-orientation="vertical"
      aria-label={words.scrubber}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown * 100)}
      aria-valuetext={titleOf(month)}
      tabIndex={0}
      className="absolute inset-y-2 end-0 z-10 w-9 cursor-ns-resize touch-none select-none max-md:w-7"
      onPointerEnter={() => setHover(true)}
      onPointerLeave={() => setHover(false)}
      onPointerDown={event => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        event.currentTarget.focus({ preventScroll: true })
        follow(event)
      }}
      onPointerMove={event => drag !== null && follow(event)}
      onPointerUp={() => setDrag(null)}
      onPointerCancel={() => setDrag(null)}
      onKeyDown={event => {
        const act = keys[event.key]
        if (!act) return
        event.preventDefault()
        event.stopPropagation()
        act()
      }}
    >
      {marksOf(sections, height).map(mark => (
        <span
          key={mark.month}
          aria-hidden
          className={`absolute end-1.5 -translate-y-1/2 text-[0.6875rem] leading-none ${
            mark.year === null ? 'size-1 rounded-full bg-edge/70' : 'text-soft'
          }`}
          style={{ top: `${mark.at * 100}%` }}
        >
          {mark.year}
        </span>
      ))}
      <span aria-hidden className="absolute inset-x-1 h-0.5 rounded bg-accent" style={{ top: `${shown * 100}%` }} />
      {(drag !== null || isHover) && (
        <span
          aria-hidden
          className="pointer-events-none absolute end-10 -translate-y-1/2 whitespace-nowrap rounded-lg bg-accent px-3 py-1.5 text-sm font-semibold text-on-accent shadow-lift"
          style={{ top: `${shown * 100}%` }}
        >
          {titleOf(month)}
        </span>
      )}
    </div>
  )
}
