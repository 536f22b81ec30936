// biome-ignore-all lint/a11y/noStaticElementInteractions: keys and buttons of the viewer do the same as hand and wheel
// A picture to look at: fitted into its window, zoomed by wheel, pinch, double click or key, moved by hand. Marks are drawn
// in the picture's own coordinates, so they stay on what they mark.
import { type PointerEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { pictureAt, wholePicture } from '~/gallery/pictures'
import { placeholder } from '~/gallery/thumbhash'
import { fitted, mostZoom, panned, type Size, toggledZoom, type View, zoomedAt } from './zoom'

export interface Shown {
  id: string
  picture: string
  width: number
  height: number
  thumbhash: string
  alt: string
}

interface Props {
  shown: Shown
  view: View
  isBlurred?: boolean
  onView: (view: View) => void
  /** A finger that wipes aside while everything is seen. */
  onWipe?: (by: 1 | -1) => void
  /** Drawn over the picture; coordinates in per cent of it. */
  children?: ReactNode
  className?: string
  style?: React.CSSProperties
}

const WIPE_PX = 60

export function Stage({ shown, view, isBlurred = false, onView, onWipe, children, className = '', style }: Props) {
  const box = useRef<HTMLDivElement>(null)
  const room = useRoom(box)
  const fit = fitted(shown, room)
  const density = window.devicePixelRatio || 1
  const most = mostZoom(shown, fit, density)
  const latest = useRef({ view, fit, room, most, onView })
  latest.current = { view, fit, room, most, onView }
  const touches = useRef(new Map<number, { x: number; y: number }>())
  const wipe = useRef<{ x: number; y: number } | null>(null)

  useEffect(() => {
    const element = box.current
    if (!element) return
    // React listens passively to wheels; this one must keep the page from scrolling.
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      const { view, fit, room, most, onView } = latest.current
      const { x, y } = fromMiddle(element, event)
      const strength = event.deltaMode === 1 ? 0.05 : 0.0018
      onView(zoomedAt(view, Math.exp(-event.deltaY * strength * (event.ctrlKey ? 4 : 1)), x, y, fit, room, most))
    }
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => element.removeEventListener('wheel', onWheel)
  }, [])

  const onPointerDown = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0 || (event.target as HTMLElement).closest('button')) return
    event.currentTarget.setPointerCapture(event.pointerId)
    touches.current.set(event.pointerId, { x: event.clientX, y: event.clientY })
    wipe.current = touches.current.size === 1 && view.zoom === 1 ? { x: event.clientX, y: event.clientY } : null
  }
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    const before = touches.current.get(event.pointerId)
    const element = box.current
    if (!before || !element) return
    const now = { x: event.clientX, y: event.clientY }
    const other = [...touches.current].find(([id]) => id !== event.pointerId)?.[1]
    touches.current.set(event.pointerId, now)
    if (other) {
      const factor =
        Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y))
      const middle = fromMiddle(element, { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 })
      const nearer = zoomedAt(view, factor, middle.x, middle.y, fit, room, most)
      onView(panned(nearer, (now.x - before.x) / 2, (now.y - before.y) / 2, fit, room))
    } else if (view.zoom > 1) onView(panned(view, now.x - before.x, now.y - before.y, fit, room))
  }
  const onPointerUp = (event: PointerEvent<HTMLDivElement>) => {
    const begun = wipe.current
    touches.current.delete(event.pointerId)
    wipe.current = null
    if (!begun || !onWipe || event.pointerType === 'mouse' || view.zoom > 1) return
    const dx = event.clientX - begun.x
    if (Math.abs(dx) > WIPE_PX && Math.abs(dx) > 2 * Math.abs(event.clientY - begun.y)) onWipe(dx < 0 ? 1 : -1)
  }

  return (
    <div
      ref={box}
      data-stage
      className={`relative touch-none overflow-hidden select-none ${view.zoom > 1 ? 'cursor-grab active:cursor-grabbing' : 'cursor-zoom-in'} ${className}`}
      style={style}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={onPointerUp}
      onDoubleClick={event => {
        const { x, y } = fromMiddle(event.currentTarget, event)
        onView(toggledZoom(view, x, y, shown, fit, room, density))
      }}
    >
      <div
        className="absolute top-1/2 left-1/2 will-change-transform"
        style={{
          width: fit.width,
          height: fit.height,
          marginLeft: -fit.width / 2,
          marginTop: -fit.height / 2,
          transform: `translate(${(0.5 - view.cx) * fit.width * view.zoom}px, ${(0.5 - view.cy) * fit.height * view.zoom}px) scale(${view.zoom})`,
        }}
      >
        <Layers
          key={shown.picture}
          shown={shown}
          fit={fit}
          isNear={view.zoom > 1.01}
          isBlurred={isBlurred}
          isGrainy={(view.zoom * fit.width * density) / shown.width >= 3}
        />
        {children}
      </div>
    </div>
  )
}

/** Placeholder, then a picture of the window's size, then the pixels themselves once one looks nearer. */
function Layers({
  shown,
  fit,
  isNear,
  isBlurred,
  isGrainy,
}: {
  shown: Shown
  fit: Size
  isNear: boolean
  isBlurred: boolean
  isGrainy: boolean
}) {
  const [wantsWhole, setWantsWhole] = useState(false)
  useEffect(() => {
    if (isNear) setWantsWhole(true)
  }, [isNear])
  const blur = isBlurred ? 'blur-3xl' : ''
  const behind = placeholder(shown.thumbhash)
  const address = pictureAt(shown.picture, fit.width, shown.width)
  const whole = wholePicture(shown.picture)
  return (
    <>
      {behind && <img src={behind} alt="" draggable={false} className="absolute inset-0 size-full" />}
      {fit.width > 0 && (
        <img
          src={address}
          alt={shown.alt}
          draggable={false}
          className={`absolute inset-0 size-full ${blur}`}
          style={isGrainy ? { imageRendering: 'pixelated' } : undefined}
        />
      )}
      {wantsWhole && whole !== address && (
        <img
          src={whole}
          alt=""
          draggable={false}
          className={`absolute inset-0 size-full ${blur}`}
          style={isGrainy ? { imageRendering: 'pixelated' } : undefined}
        />
      )}
    </>
  )
}

function fromMiddle(element: HTMLElement, { clientX, clientY }: { clientX: number; clientY: number }) {
  const box = element.getBoundingClientRect()
  return { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 }
}

export function useRoom(element: React.RefObject<HTMLElement | null>): Size {
  const [room, setRoom] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const watched = element.current
    if (!watched) return
    const measure = () => setRoom({ width: watched.clientWidth, height: watched.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(watched)
    return () => observer.disconnect()
  }, [element])
  return room
}
