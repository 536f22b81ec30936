// Arranging an album by hand: dragging its pictures to where they belong, or moving them by key and button. The new order is
// shown at once; one move after the other is told to the API, so that quick ones arrive in the order they were made.
import { type DragEvent, useEffect, useRef, useState } from 'react'
import { LIST, type Shelf, showOrder } from '~/gallery/shelf'
import { type Album, arrange } from '~/library/albums'
import { isPictureDrag, pictureIn } from '~/library/drag'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { words } from '~/strings'
import { idsOf, type Move, movedAlong, movedBeside, orderAfter, type Way } from './albumOrder'
import { isChosen, type Selection } from './selection'

/** Where a picture that is dragged would come to stand, in pixels of the window. */
export interface Gap {
  left: number
  top: number
  height: number
}

interface Wanted {
  /** The album that is looked at; undefined: none, or not known yet. */
  album: Album | undefined
  shelf: Shelf
  chosen: Selection
  focusId: () => string | null
  walk: (place: number) => void
}

/** `canArrange` only in an album of one's own that is filled by hand, while it is shown in its own order. */
export function useArranging({ album, shelf, chosen, focusId, walk }: Wanted) {
  const [gap, setGap] = useState<Gap | null>(null)
  const last = useRef<Promise<void>>(Promise.resolve())
  /** Place that the focus goes to once the new order is drawn; null: it stays. */
  const follows = useRef<number | null>(null)
  const list = shelf.question.sort === 'album' ? shelf.packed(LIST) : undefined
  const isTheirs = album?.may === 'own' && album.kind === 'manual'
  const canArrange = isTheirs && list !== undefined

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new list is what tells that the order has been drawn
  useEffect(() => {
    if (follows.current !== null) walk(follows.current)
    follows.current = null
  }, [list])
  const go = (order: readonly string[], move: Move | null) => {
    if (!album || !move) return
    const after = orderAfter(order, move)
    showOrder(shelf.question, after)
    last.current = last.current.then(() =>
      arrange(album.id, move).catch(error => {
        toast(told(error, words()), { tone: 'bad' })
        shelf.refetch()
      }),
    )
    follows.current = after.indexOf(move.ids[0] ?? '')
  }
  /** What is chosen, or the picture that has the focus where nothing is. */
  const which = (order: readonly string[]): Set<string> => {
    const some = order.filter(id => isChosen(chosen, id))
    const focus = focusId()
    return new Set(some.length > 0 ? some : focus ? [focus] : [])
  }
  const along = (way: Way) => {
    if (!canArrange) return
    const order = idsOf(list)
    go(order, movedAlong(order, which(order), way))
  }
  const events = {
    onDragOver: (event: DragEvent) => {
      const spot = canArrange && isPictureDrag(event.dataTransfer) ? spotOf(event) : null
      setGap(was => (sameGap(was, spot?.gap ?? null) ? was : (spot?.gap ?? null)))
      if (!spot) return
      event.preventDefault()
      event.dataTransfer.dropEffect = 'move'
    },
    onDragLeave: (event: DragEvent) => event.currentTarget.contains(event.relatedTarget as Node | null) || setGap(null),
    onDragEnd: () => setGap(null),
    onDrop: (event: DragEvent) => {
      setGap(null)
      const spot = spotOf(event)
      const asset = pictureIn(event.dataTransfer)?.asset
      if (!canArrange || !spot || !asset) return
      event.preventDefault()
      const order = idsOf(list)
      const together = which(order)
      go(order, movedBeside(order, together.has(asset) ? together : new Set([asset]), spot.id, spot.isAfter))
    },
  }
  return { canArrange, along, gap, events: canArrange ? events : {} }
}

/** The picture under the pointer, and on which side of it something would be put. */
function spotOf(event: DragEvent): { id: string; isAfter: boolean; gap: Gap } | null {
  const tile = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-place]') : null
  if (!tile?.dataset.id) return null
  const box = tile.getBoundingClientRect()
  const isRight = event.clientX > box.left + box.width / 2
  const isAfter = isRight === (document.documentElement.dir !== 'rtl')
  return {
    id: tile.dataset.id,
    isAfter,
    gap: { left: isRight ? box.right : box.left, top: box.top, height: box.height },
  }
}

function sameGap(one: Gap | null, other: Gap | null): boolean {
  return one?.left === other?.left && one?.top === other?.top
}
