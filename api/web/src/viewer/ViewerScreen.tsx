// One picture, near and whole: what made it, where it comes from, what it answers; beside others, and against another.
import { useQuery } from '@tanstack/react-query'
import { ArrowLeft, ChevronLeft, ChevronRight, Columns2, Info, Maximize, ScanSearch, X } from 'lucide-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiAway } from '~/api/errors'
import { change, undoLast } from '~/gallery/changes'
import { save } from '~/gallery/download'
import { pictureAt, wholePicture } from '~/gallery/pictures'
import { rowStore } from '~/gallery/rows'
import { toggleRevealed, useGallerySettings, useIsBlurred } from '~/gallery/settings'
import { Button } from '~/parts/Button'
import { Trouble } from '~/parts/Trouble'
import { navigate, to } from '~/shell/router'
import type { ScreenProps } from '~/shell/routes'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { Ask, type Mark, Marks } from './Ask'
import { type Asset, assetChanged, assetOf } from './asset'
import { Compare } from './Compare'
import { Deeds } from './Deeds'
import { InfoPanel } from './InfoPanel'
import { LineageTree } from './LineageTree'
import { OfPicture } from './OfPicture'
import { useReuseKeys } from './reuse'
import { type Shown, Stage } from './Stage'
import { Strip } from './Strip'
import { around, placeOf, wayBack, wayBackFrom } from './walk'
import { FIT, type View } from './zoom'

export default function ViewerScreen({ params }: ScreenProps) {
  const id = params.id ?? ''
  return id.startsWith('img_') ? <OfPicture picture={id} /> : <OfAsset id={id} />
}

function OfAsset({ id }: { id: string }) {
  const words = useWords()
  const { data: asset, error, refetch } = useQuery(assetOf(id))
  const isAway = error instanceof ApiAway
  if (error && !(isAway && asset?.id === id)) {
    return (
      <div className="mx-auto max-w-lg space-y-4 px-6 pt-[15vh]">
        <Trouble error={error} onRetry={() => void refetch()} />
        {isAway && <Kept id={id} />}
        <Button onClick={() => navigate(wayBack())}>
          <ArrowLeft aria-hidden size={16} /> {words.viewer.back}
        </Button>
      </div>
    )
  }
  if (!asset) return <p className="p-8 text-soft">{words.viewer.loading}</p>
  return <Viewer asset={asset} at={id} />
}

/** Without its settings, which were never looked at, a picture of the gallery is still one to show. */
function Kept({ id }: { id: string }) {
  const row = rowStore.peek(id)
  const isBlurred = useIsBlurred(id, row?.nsfw)
  if (!row) return null
  return (
    <img
      src={pictureAt(row.picture, 640, row.width)}
      alt={row.alt}
      width={row.width}
      height={row.height}
      className={`mx-auto h-auto max-w-full rounded-card ${isBlurred ? 'blur-xl' : ''}`}
    />
  )
}

export function shownOf(
  asset: Pick<Asset, 'id' | 'picture' | 'width' | 'height' | 'thumbhash'> & {
    caption?: string
    alt?: string
    prompt?: string
  },
): Shown {
  return { ...asset, alt: asset.caption || asset.alt || asset.prompt || '' }
}

/** `at` is the picture of the address; while it loads, `asset` is still the one before. */
function Viewer({ asset, at }: { asset: Asset; at: string }) {
  const isOld = asset.id !== at
  const words = useWords()
  const { viewer, gallery } = words
  const [view, setView] = useState<View>(FIT)
  const [showsInfo, setShowsInfo] = useState(() => window.matchMedia('(min-width: 64rem)').matches)
  const [other, setOther] = useState<string | null>(null)
  const [isComparing, setComparing] = useState(false)
  const [marks, setMarks] = useState<Mark[]>([])
  const [beside, setBeside] = useState<{ id: string; place: number }[]>([])
  const isBlurred = useIsBlurred(asset.id, asset.nsfw)
  const advances = useGallerySettings(settings => settings.advances)
  const screen = useRef<HTMLDivElement>(null)
  const place = placeOf(asset.id)

  // biome-ignore lint/correctness/useExhaustiveDependencies: another picture begins anew
  useEffect(() => {
    setView(FIT)
    setMarks([])
  }, [asset.id])
  useEffect(() => {
    let isOver = false
    if (place === null) setBeside([])
    else void around(place, 12).then(found => !isOver && setBeside(found))
    return () => {
      isOver = true
    }
  }, [place])
  useEffect(() => screen.current?.focus({ preventScroll: true }), [])

  const step = useCallback(
    async (by: number) => {
      if (place === null) return
      const next = (await around(place + by, 0))[0]
      if (next) navigate(to.viewer(next.id), { replace: true })
    },
    [place],
  )
  const alter = async (changes: Parameters<typeof change>[1], say: Parameters<typeof change>[2] = null) => {
    const done = await change({ ids: [asset.id] }, changes, say)
    await assetChanged(asset.id)
    return done !== null
  }
  const rate = (stars: number) => {
    void alter({ stars })
    if (advances) void step(1)
  }
  const trash = async () => {
    const next = place === null ? undefined : ((await around(place + 1, 0))[0] ?? (await around(place - 1, 0))[0])
    if (!(await alter({ trashed: true }, gallery.bulk.trashed))) return
    navigate(next ? to.viewer(next.id) : wayBack(), { replace: true })
  }
  const choose = (id: string) => {
    if (isComparing) setOther(id)
    else navigate(to.viewer(id), { replace: true })
  }
  const compare = () => {
    setOther(was => was ?? asset.parents[0] ?? beside.find(each => each.id !== asset.id)?.id ?? null)
    setComparing(was => !was)
  }
  const leave = () => (isComparing ? setComparing(false) : navigate(wayBackFrom(at)))
  const zoomTo = (zoom: number) => setView(was => ({ ...was, zoom, ...(zoom === 1 ? { cx: 0.5, cy: 0.5 } : {}) }))

  const group = viewer.name
  useShortcut('ArrowRight', viewer.next, () => void step(1), { group, isOff: isComparing })
  useShortcut('ArrowLeft', viewer.previous, () => void step(-1), { group, isOff: isComparing })
  useShortcut('Escape', viewer.keys.close, leave, { group })
  useShortcut('g', viewer.keys.close, () => navigate(wayBackFrom(at)), { group })
  useShortcut('i', viewer.keys.info, () => setShowsInfo(was => !was), { group })
  useShortcut('z', viewer.keys.zoom, () => doubleClick(screen.current), { group })
  useShortcut('c', viewer.keys.compare, compare, { group })
  useShortcut('f', gallery.keys.favourite, () => void alter({ favourite: !asset.favourite }), { group })
  useShortcut('Delete', gallery.keys.trash, () => void trash(), { group })
  useShortcut('u', gallery.keys.undo, () => void undoLast().then(() => assetChanged(asset.id)), { group })
  useShortcut('v', gallery.keys.reveal, () => toggleRevealed(asset.id), { group })
  useReuseKeys(asset)
  useShortcut(
    'shift+d',
    viewer.deeds.download,
    () => save(wholePicture(asset.picture), asset.file_name || asset.picture),
    {
      group,
    },
  )
  useShortcut('0', gallery.keys.noStars, () => rate(0), { group })
  useShortcut('1', gallery.stars(1), () => rate(1), { group })
  useShortcut('2', gallery.stars(2), () => rate(2), { group })
  useShortcut('3', gallery.stars(3), () => rate(3), { group })
  useShortcut('4', gallery.stars(4), () => rate(4), { group })
  useShortcut('5', gallery.stars(5), () => rate(5), { group })

  return (
    <div ref={screen} tabIndex={-1} className={`flex h-full outline-none max-lg:flex-col ${isOld ? 'opacity-80' : ''}`}>
      <section aria-label={viewer.name} className="relative flex min-h-0 min-w-0 flex-1 flex-col bg-ground">
        <div className="flex items-center gap-1 px-2 py-1.5">
          <Button
            weight="quiet"
            aria-label={viewer.back}
            title={`${viewer.back} (Esc)`}
            onClick={() => navigate(wayBackFrom(at))}
          >
            <ArrowLeft aria-hidden size={19} />
          </Button>
          <h1 className="min-w-0 flex-1 truncate font-sans text-sm text-soft">
            {asset.caption || asset.prompt || asset.file_name}
          </h1>
          <Button
            weight="quiet"
            aria-label={viewer.zoom.fit}
            title={viewer.zoom.fit}
            disabled={view.zoom === 1}
            onClick={() => zoomTo(1)}
          >
            <Maximize aria-hidden size={18} />
          </Button>
          <Button
            weight="quiet"
            aria-label={viewer.zoom.pixels}
            title={`${viewer.zoom.pixels} (Z)`}
            onClick={() => doubleClick(screen.current)}
          >
            <ScanSearch aria-hidden size={18} />
          </Button>
          <Button
            weight="quiet"
            aria-pressed={isComparing}
            aria-label={viewer.deeds.compare}
            title={`${viewer.deeds.compare} (C)`}
            className={isComparing ? 'text-accent!' : ''}
            onClick={compare}
          >
            <Columns2 aria-hidden size={18} />
          </Button>
          <Button
            weight="quiet"
            aria-expanded={showsInfo}
            aria-label={viewer.info.toggle}
            title={`${viewer.info.toggle} (I)`}
            className={showsInfo ? 'text-accent!' : ''}
            onClick={() => setShowsInfo(was => !was)}
          >
            <Info aria-hidden size={18} />
          </Button>
        </div>
        {isComparing ? (
          <Compare asset={asset} other={other} view={view} onView={setView} onClose={() => setComparing(false)} />
        ) : (
          <div className="relative min-h-0 flex-1">
            <Stage
              shown={shownOf(asset)}
              view={view}
              isBlurred={isBlurred}
              onView={setView}
              onWipe={by => void step(by)}
              className="size-full"
            >
              <Marks marks={marks} zoom={view.zoom} />
            </Stage>
            {isBlurred && (
              <Button className="absolute! inset-0 m-auto h-10 w-fit" onClick={() => toggleRevealed(asset.id)}>
                {viewer.deeds.reveal}
              </Button>
            )}
            {place !== null && (
              <>
                <Beside label={viewer.previous} side="start" onClick={() => void step(-1)} />
                <Beside label={viewer.next} side="end" onClick={() => void step(1)} />
              </>
            )}
          </div>
        )}
        {beside.length > 1 && (
          <Strip beside={beside} current={asset.id} other={isComparing ? other : null} onChoose={choose} />
        )}
      </section>
      {showsInfo && (
        <aside
          aria-label={viewer.info.title}
          className="shrink-0 space-y-6 overflow-y-auto border-line bg-surface p-5 max-lg:max-h-[55%] max-lg:border-t lg:w-96 lg:border-s"
        >
          <div className="flex items-start lg:hidden">
            <Button
              weight="quiet"
              className="ms-auto"
              aria-label={words.shell.close}
              onClick={() => setShowsInfo(false)}
            >
              <X aria-hidden size={18} />
            </Button>
          </div>
          <Deeds asset={asset} onChange={alter} onTrash={() => void trash()} />
          <Ask key={asset.id} asset={asset} hasMarks={marks.length > 0} onMarks={setMarks} />
          <InfoPanel asset={asset} onChange={alter} />
          <LineageTree asset={asset} onOpen={choose} />
        </aside>
      )}
    </div>
  )
}

function Beside({ label, side, onClick }: { label: string; side: 'start' | 'end'; onClick: () => void }) {
  const Icon = side === 'start' ? ChevronLeft : ChevronRight
  return (
    <button
      type="button"
      aria-label={label}
      onClick={onClick}
      className={`absolute inset-y-0 my-auto grid h-20 w-11 place-items-center rounded-lg text-white opacity-60 mix-blend-difference hover:opacity-100 max-md:hidden ${side === 'start' ? 'start-1' : 'end-1'}`}
    >
      <Icon aria-hidden size={30} className="rtl:-scale-x-100" />
    </button>
  )
}

/** The stage knows what a double click in its middle means; the key means the same. */
function doubleClick(screen: HTMLElement | null): void {
  const stage = screen?.querySelector('[data-stage]')
  const box = stage?.getBoundingClientRect()
  if (!stage || !box) return
  const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 }
  stage.dispatchEvent(new MouseEvent('dblclick', { bubbles: true, ...at }))
}
