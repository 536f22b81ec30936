// What can be done with chosen pictures of an album of one's own: where they stand in it, and which one is its cover.
import { ArrowLeft, ArrowLeftToLine, ArrowRight, ArrowRightToLine, BookImage } from 'lucide-react'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import type { Way } from './albumOrder'
import { Tool } from './BulkBar'

const WAYS = [
  { way: 'first', Icon: ArrowLeftToLine },
  { way: 'earlier', Icon: ArrowLeft },
  { way: 'later', Icon: ArrowRight },
  { way: 'last', Icon: ArrowRightToLine },
] as const

interface Props {
  /** Null: it is in no order that could be changed. */
  onWay: ((way: Way) => void) | null
  /** Null: not exactly one picture is chosen. */
  onCover: (() => void) | null
}

export function AlbumTools({ onWay, onCover }: Props) {
  const words = useWords().gallery.albums
  return (
    <>
      {onWay &&
        WAYS.map(({ way, Icon }) => (
          <Tool key={way} label={words.ways[way]} onClick={() => onWay(way)}>
            <Icon aria-hidden size={18} className="rtl:-scale-x-100" />
          </Tool>
        ))}
      {onCover && (
        <Tool label={words.cover} onClick={onCover}>
          <BookImage aria-hidden size={18} />
        </Tool>
      )}
    </>
  )
}

/** The same by key, also for the picture that has the focus while nothing is chosen. */
export function useAlbumKeys(onWay: (way: Way) => void, isOff: boolean): void {
  const words = useWords().gallery
  const more = { group: words.name, isOff }
  const isFromRight = document.documentElement.dir === 'rtl'
  useShortcut('mod+ArrowLeft', words.albums.ways.earlier, () => onWay(isFromRight ? 'later' : 'earlier'), more)
  useShortcut('mod+ArrowRight', words.albums.ways.later, () => onWay(isFromRight ? 'earlier' : 'later'), more)
  useShortcut('mod+Home', words.albums.ways.first, () => onWay('first'), more)
  useShortcut('mod+End', words.albums.ways.last, () => onWay('last'), more)
}
