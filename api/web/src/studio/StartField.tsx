// The picture to begin from: dropped, pasted, chosen or taken from a result; and how far to go from it.
import { ImagePlus, X } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { pictureUrl } from '~/jobs/pictures'
import { isPictureDrag, pictureIn } from '~/library/drag'
import { Button } from '~/parts/Button'
import { Range } from '~/parts/Range'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { useWords } from '~/strings'
import { useDraft } from './draft'
import { useModels } from './ModelChoice'
import { beginWith, pictureOf, restore, settingsIn, startFrom } from './pictureIn'
import { stepsRun } from './request'

const GalleryPick = lazy(() => import('./GalleryPick'))

export function StartField() {
  const words = useWords().studio
  const { start, strength, steps } = useDraft()
  const { chosen } = useModels()
  const { take, isReading } = useTaking()
  const [isPicking, setPicking] = useState(false)
  const chooser = useRef<HTMLInputElement>(null)
  const own = chosen?.defaults?.strength ?? 0.6
  const ownSteps = chosen?.defaults?.steps ?? 30
  return (
    <section aria-label={words.start}>
      <h2 className="label mb-1.5 font-sans">{words.start}</h2>
      {start ? (
        <div className="card flex gap-4 p-3">
          <img src={pictureUrl(start.id, 320)} alt={words.start} className="size-24 rounded-lg object-cover" />
          <div className="min-w-0 flex-1">
            <Range
              label={words.strength}
              note={words.stepsRun(stepsRun(steps ?? ownSteps, strength ?? own))}
              value={strength}
              own={own}
              min={0.05}
              max={1}
              step={0.05}
              onChange={value => useDraft.setState({ strength: value })}
            />
            <Button weight="quiet" className="-ms-2 text-sm" onClick={() => useDraft.setState({ start: null })}>
              <X aria-hidden size={15} /> {words.removeStart}
            </Button>
          </div>
        </div>
      ) : (
        <div className="flex items-center gap-4 rounded-card border border-dashed border-edge/70 p-3 text-soft">
          <ImagePlus aria-hidden size={24} strokeWidth={1.5} className="shrink-0" />
          <p className="flex-1 text-[0.8125rem] leading-snug">{isReading ? words.uploading : words.startHint}</p>
          <span className="flex shrink-0 flex-col gap-1.5">
            <Button className="text-sm text-ink" onClick={() => chooser.current?.click()}>
              {words.chooseFile}
            </Button>
            <Button className="text-sm text-ink" aria-haspopup="dialog" onClick={() => setPicking(true)}>
              {words.fromGallery}
            </Button>
          </span>
        </div>
      )}
      <input
        ref={chooser}
        type="file"
        accept="image/*"
        aria-label={words.chooseFile}
        className="hidden"
        onChange={event => {
          const file = event.target.files?.[0]
          event.target.value = ''
          if (file) void take(file)
        }}
      />
      {isPicking && (
        <Suspense fallback={null}>
          <GalleryPick onClose={() => setPicking(false)} />
        </Suspense>
      )}
    </section>
  )
}

/** Takes a picture from anywhere on the screen: what has settings restores them, anything else is a start. */
function useTaking() {
  const words = useWords()
  const [isReading, setReading] = useState(false)
  const take = async (file: File) => {
    setReading(true)
    try {
      const found = await settingsIn(file)
      if (found) {
        const left = restore(found)
        const text = left.length ? words.studio.restoredLess(left.join(', ')) : words.studio.restored
        const run = () => void startFrom(file).catch(error => toast(told(error, words), { tone: 'bad' }))
        toast(text, { tone: 'good', action: { label: words.studio.asStart, run } })
      } else {
        await startFrom(file)
      }
    } catch (error) {
      toast(told(error, words), { tone: 'bad' })
    } finally {
      setReading(false)
    }
  }
  const latest = useRef(take)
  latest.current = take
  useEffect(() => {
    const over = (event: DragEvent) => {
      const brings = event.dataTransfer?.types.includes('Files') || isPictureDrag(event.dataTransfer)
      if (brings) event.preventDefault()
    }
    const dropped = (event: DragEvent) => {
      const known = pictureIn(event.dataTransfer)
      if (known && !event.defaultPrevented) {
        event.preventDefault()
        beginWith(known)
        return
      }
      const file = pictureOf(event.dataTransfer)
      if (!file) return
      event.preventDefault()
      void latest.current(file)
    }
    const pasted = (event: ClipboardEvent) => {
      const file = pictureOf(event.clipboardData)
      if (!file) return
      event.preventDefault()
      void latest.current(file)
    }
    document.addEventListener('dragover', over)
    document.addEventListener('drop', dropped)
    document.addEventListener('paste', pasted)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('drop', dropped)
      document.removeEventListener('paste', pasted)
    }
  }, [])
  return { take, isReading }
}
