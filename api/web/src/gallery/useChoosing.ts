// Choosing, walking and opening in the grid, by mouse, finger and key. The grid only draws; what an event means is here.
import {
  type FocusEvent,
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type RefObject,
  useCallback,
  useEffect,
  useRef,
  useState,
} from 'react'
import { putPicture } from '~/library/drag'
import type { GridHandle } from './Grid'
import { rowStore } from './rows'
import { dragged, extended, NOTHING, type Selection, toggled } from './selection'
import { idAt as fetchedIdAt, type Shelf } from './shelf'
import { type Direction, edgesOf, neighbour } from './steps'
import { placed, totalHeight } from './timeline'

/** A finger that rests so long chooses. */
const LONG_PRESS_MS = 450
const ARROWS: Record<string, Direction> = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' }

/** Which picture had the focus in each question, until the page is left. */
const places = new Map<string, number>()

/** Who comes back to this question comes back to this picture. */
export function comeBackTo(key: string, place: number): void {
  places.set(key, place)
}

interface Press {
  timer: ReturnType<typeof setTimeout> | null
  /** Of a drag that chooses: where it began, and what was chosen before. */
  from: number | null
  before: Selection
  isTouch: boolean
  x: number
  y: number
}

export function useChoosing(shelf: Shelf, handle: RefObject<GridHandle>, onOpen: (id: string, place: number) => void) {
  const [selection, setSelection] = useState<{ key: string; chosen: Selection }>({ key: shelf.key, chosen: NOTHING })
  const [focus, setFocusPlace] = useState(() => ({ key: shelf.key, place: places.get(shelf.key) ?? 0 }))
  // Another question: nothing is chosen there yet.
  const chosen = selection.key === shelf.key ? selection.chosen : NOTHING
  const place = focus.key === shelf.key ? Math.min(focus.place, Math.max(0, shelf.total - 1)) : 0
  const press = useRef<Press | null>(null)
  /** A click that ends a drag or a long press opens nothing. */
  const swallows = useRef(false)
  const choose = useCallback((next: Selection) => setSelection({ key: shelf.key, chosen: next }), [shelf.key])

  const idAt = useCallback(
    (at: number): string | null => {
      const found = placed(handle.current.sections, at)
      const month = found && shelf.packed(found.section.month)
      return found && month && found.within < month.count ? month.idAt(found.within) : null
    },
    [shelf, handle],
  )

  /** Go to a picture and show it; its element gets the focus when it is drawn. */
  const walk = useCallback(
    (to: number, withFocus = true) => {
      const { sections, scroller } = handle.current
      const edges = edgesOf(sections, to)
      if (!edges || !scroller) return
      setFocusPlace({ key: shelf.key, place: to })
      const { scrollTop, clientHeight } = scroller
      const heading = 52
      if (edges.top - heading < scrollTop) scroller.scrollTop = Math.max(0, edges.top - heading)
      else if (edges.bottom + 8 > scrollTop + clientHeight) scroller.scrollTop = edges.bottom + 8 - clientHeight
      if (withFocus) focusSoon(scroller, to)
    },
    [shelf.key, handle],
  )

  /** Months between two places are fetched, so that a range leaves nothing out. */
  const extend = useCallback(
    async (to: number) => {
      const from = chosen.anchor ?? place
      const { sections } = handle.current
      const known = new Map<number, string | null>()
      for (let at = Math.min(from, to); at <= Math.max(from, to); at += 1) {
        known.set(at, idAt(at) ?? (await fetchedIdAt(shelf, sections, at)))
      }
      choose(extended({ ...chosen, anchor: from }, to, at => known.get(at) ?? null))
    },
    [chosen, place, shelf, handle, idAt, choose],
  )

  useComingBack(shelf.key, handle, walk)

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || (event.target as HTMLElement).closest('[role=slider]')) return
    const { sections, wanted, scroller } = handle.current
    const to = destination(event.key)
    if (to !== undefined) {
      event.preventDefault()
      if (to === null) return
      walk(to)
      if (event.shiftKey) void extend(to)
      return
    }
    const id = idAt(place)
    if ((event.key === 'Enter' || event.key === ' ') && id && (event.target as HTMLElement).dataset.place) {
      event.preventDefault()
      onOpen(id, place)
    }

    /** undefined: no key that leads anywhere; null: its month is not here yet. */
    function destination(key: string): number | null | undefined {
      const arrow = ARROWS[key]
      if (arrow) return neighbour(sections, shelf.packed, wanted, place, mirrored(arrow))
      if (key === 'Home') return 0
      if (key === 'End') return Math.max(0, shelf.total - 1)
      if (key === 'PageDown' || key === 'PageUp') return pageAway(key === 'PageDown' ? 1 : -1)
      return undefined
    }

    function pageAway(by: 1 | -1): number {
      const edges = edgesOf(sections, place)
      const step = Math.max(100, (scroller?.clientHeight ?? 600) - 80)
      const goal = Math.min(totalHeight(sections), Math.max(0, (edges?.top ?? 0) + by * step))
      return placeAtHeight(goal) ?? place
    }

    function placeAtHeight(y: number): number | null {
      const section = sections.findLast(each => each.top <= y) ?? sections[0]
      if (!section) return null
      const row = section.rows?.find(each => each.top + each.height > y - section.top - 44) ?? section.rows?.at(-1)
      if (row) return section.first + row.from
      const share = Math.max(0, (y - section.top) / section.height)
      return section.first + Math.min(section.count - 1, Math.floor(share * section.count))
    }
  }

  const onClick = (event: MouseEvent) => {
    const tile = tileOf(event.target)
    if (!tile || (event.target as HTMLElement).closest('[data-reveal], [data-again]')) return
    if (swallows.current) {
      swallows.current = false
      return
    }
    setFocusPlace({ key: shelf.key, place: tile.place })
    const choosesOne = (event.target as HTMLElement).closest('[data-choose]') || event.ctrlKey || event.metaKey
    if (event.shiftKey) void extend(tile.place)
    else if (choosesOne || chosen.ids.size > 0 || chosen.kind === 'all') choose(toggled(chosen, tile.id, tile.place))
    else onOpen(tile.id, tile.place)
  }

  const onPointerDown = (event: PointerEvent) => {
    const tile = tileOf(event.target)
    swallows.current = false
    if (!tile || event.button !== 0 || event.shiftKey) return
    const isTouch = event.pointerType !== 'mouse'
    const begun: Press = { timer: null, from: null, before: chosen, isTouch, x: event.clientX, y: event.clientY }
    press.current = begun
    const begin = () => {
      begun.from = tile.place
      if (isTouch) navigator.vibrate?.(10)
    }
    if (isTouch) {
      begun.timer = setTimeout(() => {
        begin()
        swallows.current = true
        choose(dragged(begun.before, tile.place, tile.place, idAt))
      }, LONG_PRESS_MS)
    } else if ((event.target as HTMLElement).closest('[data-choose]')) begin()
  }

  const onPointerMove = (event: PointerEvent) => {
    const now = press.current
    if (!now) return
    if (now.from === null) {
      // A finger that moves scrolls.
      if (now.timer && Math.hypot(event.clientX - now.x, event.clientY - now.y) > 8) letGo()
      return
    }
    const tile = tileOf(document.elementFromPoint(event.clientX, event.clientY))
    if (!tile || (tile.place === now.from && !swallows.current)) return
    swallows.current = true
    choose(dragged(now.before, now.from, tile.place, idAt))
  }

  const letGo = () => {
    if (press.current?.timer) clearTimeout(press.current.timer)
    press.current = null
  }

  return {
    chosen,
    choose,
    focus: place,
    focusId: () => idAt(place),
    walk,
    idAt,
    events: {
      // A screen reader puts the focus where it likes; keys mean the picture that has it.
      onFocus: (event: FocusEvent) => {
        const tile = tileOf(event.target)
        if (tile && tile.place !== place) setFocusPlace({ key: shelf.key, place: tile.place })
      },
      onKeyDown,
      onClick,
      onPointerDown,
      onPointerMove,
      onPointerUp: letGo,
      onPointerCancel: letGo,
      onPointerLeave: letGo,
      // While a finger chooses, the page must not scroll away under it; a long press is no menu.
      onContextMenu: (event: MouseEvent) => press.current?.isTouch && event.preventDefault(),
      onDragStart: (event: React.DragEvent) => {
        const tile = tileOf(event.target)
        if (!tile || press.current?.from != null) event.preventDefault()
        const row = tile && rowStore.peek(tile.id)
        if (row) putPicture(event.dataTransfer, { ...row, asset: row.id })
      },
    },
  }
}

/** Coming back from a picture, it is in sight and has the focus; its month may have to come first. */
function useComingBack(key: string, handle: RefObject<GridHandle>, walk: (to: number) => void): void {
  const latest = useRef(walk)
  latest.current = walk
  useEffect(() => {
    const place = places.get(key)
    if (place === undefined) return
    places.delete(key)
    let tries = 90
    let frame = requestAnimationFrame(function look() {
      tries -= 1
      if (handle.current.sections.length > 0) latest.current(place)
      else if (tries > 0) frame = requestAnimationFrame(look)
    })
    return () => cancelAnimationFrame(frame)
  }, [key, handle])
}

/** In a language that is written from the right, the next picture stands to the left. */
function mirrored(arrow: Direction): Direction {
  if (document.documentElement.dir !== 'rtl') return arrow
  return arrow === 'left' ? 'right' : arrow === 'right' ? 'left' : arrow
}

function tileOf(target: EventTarget | null): { id: string; place: number } | null {
  const element = target instanceof Element ? target.closest<HTMLElement>('[data-place]') : null
  return element?.dataset.id ? { id: element.dataset.id, place: Number(element.dataset.place) } : null
}

/** How long a picture's row may take to come, in frames. */
const MOST_FRAMES = 600
let lastWalk = 0

/** The focus follows as soon as the picture is drawn. Until then the grid has it, so that the next key is not lost. */
function focusSoon(scroller: HTMLElement, place: number): void {
  lastWalk += 1
  const mine = lastWalk
  let frames = 0
  const look = () => {
    const holder = document.activeElement
    const isElsewhere = holder !== null && holder !== document.body && !scroller.contains(holder)
    if (mine !== lastWalk || !scroller.isConnected || (frames > 0 && isElsewhere)) return
    const element = scroller.querySelector<HTMLElement>(`[data-place="${place}"]`)
    const target = element ?? scroller.querySelector<HTMLElement>('[role=grid]')
    if (document.activeElement !== target) target?.focus({ preventScroll: true })
    frames += 1
    if (!element && frames < MOST_FRAMES) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}
