// The pictures beside the one that is looked at, in the order of the grid it was opened from.
import { useEffect, useRef } from 'react'
import { pictureAt } from '~/gallery/pictures'
import { useRow } from '~/gallery/rows'
import { useIsBlurred } from '~/gallery/settings'
import { useWords } from '~/strings'

interface Props {
  beside: readonly { id: string; place: number }[]
  current: string
  /** The one it is compared with; null: none. */
  other: string | null
  onChoose: (id: string) => void
}

export function Strip({ beside, current, other, onChoose }: Props) {
  const words = useWords().viewer
  const list = useRef<HTMLUListElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list follows the picture
  useEffect(() => {
    const box = list.current
    const item = box?.querySelector<HTMLElement>('[aria-current]')
    if (box && item) box.scrollLeft += item.getBoundingClientRect().left - box.getBoundingClientRect().left - box.clientWidth / 2 + 32
  }, [current, beside])
  return (
    <ul ref={list} aria-label={words.strip} className="flex shrink-0 gap-1.5 overflow-x-auto px-3 py-2 [scrollbar-width:thin] max-md:py-1.5">
      {beside.map(({ id }) => (
        <li key={id} className="shrink-0">
          <Thumb id={id} isCurrent={id === current} isOther={id === other} onChoose={onChoose} />
        </li>
      ))}
    </ul>
  )
}

export function Thumb({ id, isCurrent, isOther = false, onChoose }: { id: string; isCurrent: boolean; isOther?: boolean; onChoose: (id: string) => void }) {
  const { gallery } = useWords()
  const row = useRow(id)
  const isBlurred = useIsBlurred(id, row?.nsfw)
  const ring = isCurrent ? 'ring-2 ring-accent' : isOther ? 'ring-2 ring-good' : 'opacity-75 hover:opacity-100'
  return (
    <button
      type="button"
      aria-current={isCurrent || undefined}
      aria-label={row ? row.alt || gallery.tile.noCaption(row.width, row.height) : gallery.tile.loading}
      className={`block size-14 overflow-hidden rounded-md bg-raised outline-offset-1 ${ring}`}
      onClick={() => onChoose(id)}
    >
      {row && <img src={pictureAt(row.picture, 56)} alt="" className={`size-full object-cover ${isBlurred ? 'blur-md' : ''}`} />}
    </button>
  )
}
