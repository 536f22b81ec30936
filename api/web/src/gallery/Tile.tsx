// biome-ignore-all lint/a11y/useSemanticElements: a cell of the grid, which is no table
// One picture of the grid: its placeholder, then itself, what it is worth, how far the looking at it is, a box to choose it.
import { Check, CircleAlert, Eye, EyeOff, Globe, Heart, Layers, LoaderCircle, RotateCcw, Star } from 'lucide-react'
import { memo, useState } from 'react'
import { useConnection } from '~/api/away'
import { lookAgain } from '~/library/actions'
import { useWords } from '~/strings'
import type { Box } from './justified'
import { pictureAt } from './pictures'
import { type Row, rowStore, useRow } from './rows'
import { toggleRevealed, useIsBlurred, useIsDelicate } from './settings'
import { placeholder } from './thumbhash'

interface Props {
  id: string
  place: number
  box: Box
  height: number
  isChosen: boolean
  /** Whether anything is chosen: a click then chooses instead of opening. */
  isChoosing: boolean
  isFocus: boolean
  trashed: boolean
  column: number
}

export const Tile = memo(function Tile(props: Props) {
  const { id, place, box, height, isChosen, isChoosing, isFocus, trashed, column } = props
  const words = useWords().gallery
  const row = useRow(id, trashed)
  const isBlurred = useIsBlurred(id, row?.nsfw)
  const isLeaving = row !== undefined && (row.trashed_at !== null) !== trashed
  return (
    <div
      role="gridcell"
      aria-selected={isChosen}
      aria-colindex={column}
      aria-label={row ? toldOf(row, isBlurred, words) : words.tile.loading}
      tabIndex={isFocus ? 0 : -1}
      data-place={place}
      data-id={id}
      className={`group absolute top-0 overflow-hidden rounded-[3px] bg-raised outline-offset-2 select-none ${isLeaving ? 'opacity-20' : ''}`}
      style={{ insetInlineStart: box.left, width: box.width, height }}
    >
      {row && <Picture row={row} width={box.width} isBlurred={isBlurred} isChosen={isChosen} />}
      <button
        type="button"
        tabIndex={-1}
        data-choose
        aria-label={isChosen ? words.tile.letGo : words.tile.choose}
        className={`absolute start-1.5 top-1.5 grid size-7 place-items-center rounded-full border-2 transition-opacity ${
          isChosen
            ? 'border-accent bg-accent text-on-accent'
            : `border-white/90 bg-black/40 text-transparent hover:text-white ${isChoosing ? '' : 'opacity-0 group-hover:opacity-100 pointer-coarse:hidden'}`
        }`}
      >
        <Check aria-hidden size={16} strokeWidth={3} />
      </button>
      {row && <Badges row={row} isBlurred={isBlurred} isNarrow={box.width < 110} />}
    </div>
  )
})

function Picture({
  row,
  width,
  isBlurred,
  isChosen,
}: {
  row: Row
  width: number
  isBlurred: boolean
  isChosen: boolean
}) {
  const [isThere, setThere] = useState(false)
  // Until the API was away and came back: then it is asked for once more.
  const returns = useConnection(connection => connection.returns)
  const [goneSince, setGoneSince] = useState<number | null>(null)
  const behind = placeholder(row.thumbhash)
  return (
    <>
      {behind && !isThere && <img src={behind} alt="" className="absolute inset-0 size-full object-cover" />}
      {goneSince !== returns && (
        <img
          src={pictureAt(row.picture, width, row.width)}
          alt={row.alt}
          decoding="async"
          draggable
          onLoad={() => setThere(true)}
          onError={() => setGoneSince(returns)}
          className={`absolute inset-0 size-full object-cover transition-opacity duration-200 ${isThere ? '' : 'opacity-0'} ${
            isBlurred ? 'scale-110 blur-xl' : ''
          }`}
        />
      )}
      {/* No filter on the picture: choosing a window full of them took 228 ms to the next frame, so 44. */}
      {isChosen && <span aria-hidden className="absolute inset-0 bg-black/30" />}
    </>
  )
}

function Badges({ row, isBlurred, isNarrow }: { row: Row; isBlurred: boolean; isNarrow: boolean }) {
  const words = useWords().gallery.tile
  const isDelicate = useIsDelicate(row.nsfw)
  return (
    <>
      <span className="pointer-events-none absolute inset-x-0 bottom-0 flex items-center gap-1.5 bg-linear-to-t from-black/70 to-transparent px-1.5 pt-5 pb-1 text-xs text-white empty:hidden">
        {row.stars > 0 && (
          <span className="flex items-center gap-0.5">
            <Star aria-hidden size={12} className="fill-current" />
            {row.stars}
          </span>
        )}
        {row.favourite && <Heart aria-hidden size={12} className="fill-current text-[#ff9d8f]" />}
        {row.visibility === 'rack' && !isNarrow && <Globe aria-hidden size={12} />}
        {row.analysis === 'failed' && <LookAgain id={row.id} />}
        {(row.analysis === 'waiting' || row.analysis === 'running') && (
          <LoaderCircle aria-hidden size={13} className={row.analysis === 'running' ? 'animate-spin' : 'opacity-70'} />
        )}
        {row.stack && (
          <span className="ms-auto flex items-center gap-0.5">
            <Layers aria-hidden size={12} />
            {row.stack.count}
          </span>
        )}
      </span>
      {isDelicate && (
        <button
          type="button"
          tabIndex={-1}
          data-reveal
          title={isBlurred ? words.reveal : words.hide}
          aria-label={isBlurred ? words.reveal : words.hide}
          onClick={event => {
            event.stopPropagation()
            toggleRevealed(row.id)
          }}
          className={`absolute grid size-8 place-items-center rounded-full bg-black/55 text-white ${
            isBlurred ? 'inset-0 m-auto' : 'end-1.5 top-1.5 opacity-0 group-hover:opacity-100'
          }`}
        >
          {isBlurred ? <Eye aria-hidden size={18} /> : <EyeOff aria-hidden size={16} />}
        </button>
      )}
    </>
  )
}

/** That it could not be described, and trying it again; R does the same for the picture that has the focus. */
function LookAgain({ id }: { id: string }) {
  const words = useWords().gallery.tile
  const again = async () => {
    if (await lookAgain({ ids: [id] })) await rowStore.again([id])
  }
  return (
    <button
      type="button"
      tabIndex={-1}
      data-again
      title={`${words.failed}. ${words.again} (R)`}
      aria-label={words.again}
      onClick={() => void again()}
      className="pointer-events-auto -my-1 flex min-h-6 min-w-6 items-center gap-1 rounded px-1 text-[#ff9d8f] hover:bg-black/60"
    >
      <CircleAlert aria-hidden size={13} />
      <RotateCcw aria-hidden size={12} />
    </button>
  )
}

/** What a screen reader says of a tile. Pure. */
export function toldOf(row: Row, isBlurred: boolean, words: ReturnType<typeof useWords>['gallery']): string {
  const { tile } = words
  const parts = [
    isBlurred ? tile.blurred : row.alt || tile.noCaption(row.width, row.height),
    row.stars > 0 && words.stars(row.stars),
    row.favourite && tile.favourite,
    row.stack && tile.stack(row.stack.count),
    row.analysis === 'failed' && tile.failed,
    row.analysis === 'waiting' && tile.waiting,
    row.analysis === 'running' && tile.running,
  ]
  return parts.filter(Boolean).join(', ')
}
