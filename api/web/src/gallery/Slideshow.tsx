// One picture after the other, by itself. Space stops it, arrows go on by hand; who wants less motion gets no cross-fade.
import { Pause, Play, X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { Button } from '~/parts/Button'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { pictureAt } from './pictures'
import { useRow } from './rows'
import { PACES_S, useGallerySettings, useIsBlurred } from './settings'
import { idAt, type Shelf } from './shelf'
import type { Section } from './timeline'

interface Props {
  shelf: Shelf
  sections: readonly Section[]
  from: number
  onClose: (place: number) => void
}

export function Slideshow({ shelf, sections, from, onClose }: Props) {
  const words = useWords().gallery.slides
  const dialog = useRef<HTMLDialogElement>(null)
  const [place, setPlace] = useState(from)
  const [id, setId] = useState<string | null>(null)
  const [isPaused, setPaused] = useState(false)
  const paceS = useGallerySettings(settings => settings.paceS)
  const row = useRow(id, shelf.question.trashed)
  const isBlurred = useIsBlurred(id ?? '', row?.nsfw)
  const step = (by: number) => setPlace(was => (was + by + shelf.total) % Math.max(1, shelf.total))
  useEffect(() => {
    dialog.current?.showModal()
    void document.documentElement.requestFullscreen?.().catch(() => undefined)
    return () => {
      if (document.fullscreenElement) void document.exitFullscreen()
    }
  }, [])
  useEffect(() => {
    let isOver = false
    void idAt(shelf, sections, place).then(found => !isOver && setId(found))
    return () => {
      isOver = true
    }
  }, [shelf, sections, place])
  // A picture's time begins when it is there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each picture has a time of its own
  useEffect(() => {
    if (isPaused || !row) return
    const timer = setTimeout(() => step(1), paceS * 1000)
    return () => clearTimeout(timer)
  }, [isPaused, row?.id, paceS])
  useShortcut('ArrowRight', words.next, () => step(1), { group: words.name })
  useShortcut('ArrowLeft', words.previous, () => step(-1), { group: words.name })
  useShortcut(' ', words.pause, () => setPaused(was => !was), { group: words.name })
  return (
    <dialog
      ref={dialog}
      aria-label={words.name}
      className="fixed inset-0 m-0 size-full max-h-none max-w-none bg-black p-0 text-white"
      onCancel={event => {
        event.preventDefault()
        onClose(place)
      }}
    >
      {row && (
        <img
          key={row.id}
          src={pictureAt(row.picture, window.innerWidth, row.width)}
          alt={row.alt}
          className={`absolute inset-0 size-full animate-[appear_600ms_ease] object-contain ${isBlurred ? 'blur-3xl' : ''}`}
        />
      )}
      <div className="absolute inset-x-0 bottom-0 flex items-center justify-center gap-2 bg-linear-to-t from-black/80 to-transparent p-4 pt-12 opacity-0 transition-opacity focus-within:opacity-100 hover:opacity-100 pointer-coarse:opacity-100">
        <Button className="border-white/40! bg-black/50! text-white!" onClick={() => setPaused(was => !was)}>
          {isPaused ? <Play aria-hidden size={16} /> : <Pause aria-hidden size={16} />}
          {isPaused ? words.go : words.pause}
        </Button>
        <label className="flex items-center gap-2">
          <span className="sr-only">{words.pace}</span>
          <select
            className="rounded-lg border border-white/40 bg-black/50 px-2 py-1.5 text-white"
            value={paceS}
            onChange={event => useGallerySettings.setState({ paceS: Number(event.target.value) })}
          >
            {PACES_S.map(pace => (
              <option key={pace} value={pace}>
                {words.seconds(pace)}
              </option>
            ))}
          </select>
        </label>
        <Button className="border-white/40! bg-black/50! text-white!" onClick={() => onClose(place)}>
          <X aria-hidden size={16} /> {words.end}
        </Button>
      </div>
    </dialog>
  )
}
