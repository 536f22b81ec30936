// Two pictures against each other: side by side, with a border that moves, or one held over the other. Both are zoomed and
// moved as one, whatever their sizes.
import { useQuery } from '@tanstack/react-query'
import { ArrowLeftRight, X } from 'lucide-react'
import { useState } from 'react'
import { useIsBlurred } from '~/gallery/settings'
import { Button } from '~/parts/Button'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { type Asset, assetOf } from './asset'
import { Stage } from './Stage'
import { shownOf } from './ViewerScreen'
import type { View } from './zoom'

const MODES = ['side', 'slider', 'blink'] as const
type Mode = (typeof MODES)[number]

interface Props {
  asset: Asset
  /** Id of the other one; null: none is chosen yet. */
  other: string | null
  view: View
  onView: (view: View) => void
  onClose: () => void
}

export function Compare({ asset, other, view, onView, onClose }: Props) {
  const words = useWords().viewer.compare
  const [mode, setMode] = useState<Mode>('side')
  const [isSwapped, setSwapped] = useState(false)
  const [border, setBorder] = useState(50)
  const [isHeld, setHeld] = useState(false)
  const { data } = useQuery({ ...assetOf(other ?? ''), enabled: other !== null })
  const next = () => setMode(was => MODES[(MODES.indexOf(was) + 1) % MODES.length] ?? 'side')
  useShortcut('m', words.next, next, { group: words.title })
  useShortcut('w', words.swap, () => setSwapped(was => !was), { group: words.title })
  useShortcut(' ', words.hold, () => setHeld(was => !was), { group: words.title, isOff: mode !== 'blink' })
  const isBlurred = useIsBlurred(asset.id, asset.nsfw)
  const isOtherBlurred = useIsBlurred(data?.id ?? '', data?.nsfw)
  if (!data) return <p className="grid min-h-0 flex-1 place-items-center p-8 text-center text-soft">{words.none}</p>
  const [one, two] = isSwapped ? [data, asset] : [asset, data]
  const stage = (of: Asset, more: { className: string; style?: React.CSSProperties }) => (
    <Stage
      shown={shownOf(of)}
      view={view}
      isBlurred={of === asset ? isBlurred : isOtherBlurred}
      onView={onView}
      {...more}
    />
  )
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="relative min-h-0 flex-1">
        {mode === 'side' && (
          <div className="flex size-full gap-1 max-md:flex-col">
            {stage(one, { className: 'min-h-0 min-w-0 flex-1' })}
            {stage(two, { className: 'min-h-0 min-w-0 flex-1' })}
          </div>
        )}
        {mode === 'slider' && (
          <div dir="ltr" className="size-full">
            {stage(one, { className: 'absolute! inset-0' })}
            {stage(two, { className: 'absolute! inset-0', style: { clipPath: `inset(0 0 0 ${border}%)` } })}
            <div
              aria-hidden
              className="pointer-events-none absolute inset-y-0 w-0.5 bg-accent"
              style={{ left: `${border}%` }}
            />
          </div>
        )}
        {mode === 'blink' && stage(isHeld ? two : one, { className: 'size-full' })}
      </div>
      <div className="flex flex-wrap items-center gap-2 px-3 py-2">
        <fieldset className="flex gap-1">
          <legend className="sr-only">{words.mode}</legend>
          {MODES.map(each => (
            <Button
              key={each}
              weight={each === mode ? 'strong' : 'plain'}
              aria-pressed={each === mode}
              className="text-sm"
              onClick={() => setMode(each)}
            >
              {words[each]}
            </Button>
          ))}
        </fieldset>
        {mode === 'slider' && (
          <input
            type="range"
            dir="ltr"
            min={0}
            max={100}
            step={0.5}
            aria-label={words.position}
            className="min-w-40 flex-1 accent-accent"
            value={border}
            onChange={event => setBorder(Number(event.target.value))}
          />
        )}
        {mode === 'blink' && (
          <Button
            className="text-sm"
            onPointerDown={() => setHeld(true)}
            onPointerUp={() => setHeld(false)}
            onPointerLeave={() => setHeld(false)}
            onKeyDown={event => event.key === 'Enter' && setHeld(was => !was)}
          >
            {words.hold}
          </Button>
        )}
        <Button
          weight="quiet"
          className="ms-auto"
          aria-label={words.swap}
          title={`${words.swap} (W)`}
          onClick={() => setSwapped(was => !was)}
        >
          <ArrowLeftRight aria-hidden size={17} />
        </Button>
        <Button weight="quiet" aria-label={words.close} title={words.close} onClick={onClose}>
          <X aria-hidden size={17} />
        </Button>
      </div>
    </div>
  )
}
