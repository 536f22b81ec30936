// A start picture from the gallery: the newest ones, or those that a search finds.
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { api, got, type Schemas } from '~/api/client'
import { useIsBlurred } from '~/gallery/settings'
import { pictureUrl } from '~/jobs/pictures'
import { Dialog } from '~/parts/Dialog'
import { Trouble } from '~/parts/Trouble'
import { useWords } from '~/strings'
import { beginWith } from './pictureIn'

type Row = Schemas['AssetRow']

const SHOWN = 60

export default function GalleryPick({ onClose }: { onClose: () => void }) {
  const words = useWords()
  const [typed, setTyped] = useState('')
  const box = useDeferredValue(typed.trim())
  const { data, error } = useQuery({
    queryKey: ['assets', 'pick', box],
    queryFn: async ({ signal }) =>
      (await got(api.GET('/v1/assets', { params: { query: { q: box, limit: SHOWN } }, signal }))).assets,
    placeholderData: keepPreviousData,
  })
  const take = (row: Row) => {
    beginWith(row)
    onClose()
  }
  return (
    <Dialog title={words.studio.fromGallery} width="max-w-4xl" onClose={onClose}>
      <input
        type="search"
        className="field mb-4"
        aria-label={words.gallery.search.label}
        placeholder={words.gallery.search.placeholder}
        maxLength={1000}
        value={typed}
        onChange={event => setTyped(event.target.value)}
      />
      {error && <Trouble error={error} />}
      {data?.length === 0 && <p className="text-soft">{words.gallery.empty.noMatch}</p>}
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(6.5rem,1fr))] gap-2">
        {data?.map(row => (
          <li key={row.id}>
            <Choice row={row} onTake={take} />
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

function Choice({ row, onTake }: { row: Row; onTake: (row: Row) => void }) {
  const { tile } = useWords().gallery
  const isBlurred = useIsBlurred(row.id, row.nsfw)
  return (
    <button
      type="button"
      className="block aspect-square w-full overflow-hidden rounded-lg bg-raised outline-offset-2 transition hover:ring-2 hover:ring-accent"
      onClick={() => onTake(row)}
    >
      <img
        src={pictureUrl(row.picture, 320)}
        alt={isBlurred ? tile.blurred : row.alt || tile.noCaption(row.width, row.height)}
        loading="lazy"
        className={`size-full object-cover ${isBlurred ? 'blur-xl' : ''}`}
      />
    </button>
  )
}
