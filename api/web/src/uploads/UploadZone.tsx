// A screen that files can be dropped on, whole folders too, with how far their upload is below it.
import { FolderUp, Pause, Play, RotateCcw, X } from 'lucide-react'
import { type DragEvent, type ReactNode, type RefObject, useEffect, useRef, useState } from 'react'
import { isPictureDrag } from '~/library/drag'
import { Button } from '~/parts/Button'
import { useSession } from '~/shell/session'
import { toast } from '~/shell/toasts'
import { counted, words as currentWords, lasting, sized, useWords } from '~/strings'
import { dropped, type Found, ofChooser } from './files'
import { dropShared, openUploads, pause, resume, retryFailed, stop, takeShared, upload } from './queue'
import { leftS, speedOf } from './speed'
import { useUploads } from './state'

interface Props {
  isOff: boolean
  /** Id of the album they go into; empty: none. */
  album: string
  /** Filled with what opens the chooser of files. */
  chooser: RefObject<() => void>
  children: ReactNode
}

const MIB = 1024 * 1024

export function UploadZone({ isOff, album, chooser, children }: Props) {
  const words = useWords().uploads
  const { person } = useSession()
  const input = useRef<HTMLInputElement>(null)
  const [isOver, setOver] = useState(false)
  useEffect(() => void openUploads(person), [person])
  useEffect(() => {
    chooser.current = () => input.current?.click()
  }, [chooser])
  const take = (found: Found[]) => {
    if (found.length === 0) toast(currentWords().uploads.none)
    else void upload(found, album)
  }
  const over = (event: DragEvent) => {
    if (isOff || !bringsFiles(event.dataTransfer)) return
    event.preventDefault()
    setOver(true)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is the mouse's way; the button opens the chooser
    <div
      className="relative flex h-full flex-col"
      onDragEnter={over}
      onDragOver={over}
      onDragLeave={event => event.currentTarget.contains(event.relatedTarget as Node | null) || setOver(false)}
      onDrop={event => {
        if (isOff || !bringsFiles(event.dataTransfer)) return
        event.preventDefault()
        setOver(false)
        void dropped(event.dataTransfer).then(take)
      }}
    >
      {children}
      <input
        ref={input}
        type="file"
        multiple
        accept="image/*"
        aria-label={words.label}
        className="hidden"
        onChange={event => {
          take(ofChooser(event.target.files))
          event.target.value = ''
        }}
      />
      <Shared />
      <Progress />
      {isOver && (
        <div className="pointer-events-none absolute inset-2 z-30 grid place-items-center rounded-card border-2 border-dashed border-accent bg-shade">
          <p className="card flex flex-col items-center gap-2 px-10 py-8 text-center shadow-lift">
            <FolderUp aria-hidden size={36} className="text-accent" />
            <strong className="font-serif text-2xl">{words.drop}</strong>
            <span className="text-soft">{words.dropText}</span>
          </p>
        </div>
      )}
    </div>
  )
}

/** A browser hands out a dragged picture of the page as a file, too; that one is here already. */
function bringsFiles(data: DataTransfer): boolean {
  return data.types.includes('Files') && !isPictureDrag(data)
}

/** What another program shared: any page can make a browser send such a form, so a person says whether they meant it. */
function Shared() {
  const words = useWords().uploads
  const shared = useUploads(uploads => uploads.shared)
  if (shared === 0) return null
  return (
    <section
      aria-label={words.shared(counted(shared), shared)}
      className="border-t border-line bg-surface px-4 py-2 text-sm"
    >
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <p className="min-w-0 flex-1" role="status">
          {words.shared(counted(shared), shared)}
        </p>
        <Button weight="strong" onClick={() => void takeShared()}>
          {words.send}
        </Button>
        <Button weight="quiet" aria-label={words.cancel} onClick={() => void dropShared()}>
          <X aria-hidden size={17} />
        </Button>
      </div>
    </section>
  )
}

function Progress() {
  const words = useWords().uploads
  const uploads = useUploads()
  const { total, done, known, sentBytes, totalBytes, refused, isPaused, isRunning, isWaiting, samples } = uploads
  const [showsRefused, setShowsRefused] = useState(false)
  if (total === 0) return null
  const share = totalBytes > 0 ? Math.min(1, sentBytes / totalBytes) : 0
  const speed = speedOf(samples)
  const left = leftS(samples, totalBytes - sentBytes)
  const isOver = !isRunning && !isPaused
  return (
    <section aria-label={words.label} className="border-t border-line bg-surface px-4 py-2 text-sm">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <p className="min-w-0 flex-1" role="status">
          {isOver ? (
            words.done(counted(done), done)
          ) : uploads.left ? (
            words.restored(counted(uploads.left), uploads.left)
          ) : (
            <span className="flex flex-wrap gap-x-4 tabular-nums">
              <span>{words.progress(counted(done + refused.length), counted(total))}</span>
              {isPaused && <span>{words.paused}</span>}
              {isWaiting && <span>{words.waiting}</span>}
              {!isPaused && speed !== null && <span className="text-soft">{words.speed(sized(speed / MIB))}</span>}
              {!isPaused && left !== null && <span className="text-soft">{words.left(lasting(left))}</span>}
            </span>
          )}
          {known > 0 && <span className="text-soft"> · {words.known(counted(known))}</span>}
        </p>
        {refused.length > 0 && (
          <Button
            weight="quiet"
            className="text-bad"
            aria-expanded={showsRefused}
            onClick={() => setShowsRefused(was => !was)}
          >
            {words.failed(counted(refused.length), refused.length)}
          </Button>
        )}
        {isOver && refused.some(each => each.canRetry) && (
          <Button onClick={retryFailed}>
            <RotateCcw aria-hidden size={15} /> {words.retry}
          </Button>
        )}
        {!isOver && (
          <Button onClick={isPaused ? resume : pause}>
            {isPaused ? <Play aria-hidden size={15} /> : <Pause aria-hidden size={15} />}
            {isPaused ? words.resume : words.pause}
          </Button>
        )}
        <Button weight="quiet" aria-label={isOver ? words.dismiss : words.cancel} onClick={() => void stop()}>
          <X aria-hidden size={17} />
        </Button>
      </div>
      {!isOver && (
        <div
          role="progressbar"
          aria-label={words.label}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          className="mt-1.5 h-1.5 overflow-hidden rounded-full bg-raised"
        >
          <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${share * 100}%` }} />
        </div>
      )}
      {showsRefused && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the arrow keys must reach it
        <ul tabIndex={0} aria-label={words.label} className="mt-2 max-h-32 space-y-1 overflow-y-auto">
          {refused.map(({ path, why }) => (
            <li key={path} className="break-words">
              <span className="font-mono">{path}</span> <span className="text-bad">{why}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
