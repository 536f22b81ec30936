// All albums: by hand and by rules, theirs and those that are shared with them; and saved searches.
import { useQuery } from '@tanstack/react-query'
import { FolderPlus, Images, Search, Trash2, Wand2 } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api, got } from '~/api/client'
import { queryClient } from '~/api/queries'
import { type Album, albumsOf, makeAlbum } from '~/library/albums'
import { Button } from '~/parts/Button'
import { Trouble, told } from '~/parts/Trouble'
import { Link } from '~/shell/Link'
import { navigate, to } from '~/shell/router'
import { toast } from '~/shell/toasts'
import { counted, useWords } from '~/strings'
import { pictureAt } from './pictures'
import { useRow } from './rows'
import { useIsBlurred } from './settings'

export default function AlbumsScreen() {
  const words = useWords()
  const { albums: texts } = words.gallery
  const { data: albums, error, refetch } = useQuery(albumsOf)
  const [name, setName] = useState('')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    try {
      navigate(to.album((await makeAlbum(name.trim())).id))
    } catch (refused) {
      toast(told(refused, words), { tone: 'bad' })
    }
  }
  return (
    <div className="mx-auto max-w-6xl px-6 py-8 max-md:px-4">
      <div className="mb-6 flex flex-wrap items-end gap-4">
        <h1 className="me-auto text-3xl">{texts.title}</h1>
        <form onSubmit={submit} className="flex gap-2">
          <input
            className="field"
            maxLength={200}
            required
            aria-label={texts.newName}
            placeholder={texts.newName}
            value={name}
            onChange={event => setName(event.target.value)}
          />
          <Button type="submit" weight="strong" className="shrink-0" disabled={!name.trim()}>
            <FolderPlus aria-hidden size={17} /> {texts.make}
          </Button>
        </form>
      </div>
      {error && <Trouble error={error} onRetry={() => void refetch()} />}
      {albums?.length === 0 && <p className="text-soft">{texts.none}</p>}
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(10.5rem,1fr))] gap-5">
        {albums?.map(album => (
          <li key={album.id}>
            <AlbumCard album={album} />
          </li>
        ))}
      </ul>
      <SavedSearches />
    </div>
  )
}

function AlbumCard({ album }: { album: Album }) {
  const { albums: texts, count } = useWords().gallery
  const row = useRow(album.cover)
  const isBlurred = useIsBlurred(album.cover ?? '', row?.nsfw)
  const Icon = album.kind === 'rules' ? Wand2 : Images
  return (
    <Link to={to.album(album.id)} className="group block rounded-card">
      <span className="card mb-2 grid aspect-square place-items-center overflow-hidden text-edge transition group-hover:border-accent">
        {row ? (
          <img
            src={pictureAt(row.picture, 220)}
            alt=""
            className={`size-full object-cover transition duration-300 group-hover:scale-[1.03] ${isBlurred ? 'blur-xl' : ''}`}
          />
        ) : (
          <Icon aria-hidden size={40} strokeWidth={1.2} />
        )}
      </span>
      <span className="block truncate font-semibold">{album.name}</span>
      <span className="label">
        {album.kind === 'rules' ? texts.byRules : count(counted(album.count ?? 0), album.count ?? 0)}
        {album.may !== 'own' && ` · ${texts.of(album.owner)}`}
      </span>
    </Link>
  )
}

function SavedSearches() {
  const words = useWords()
  const { albums: texts } = words.gallery
  const { data } = useQuery({
    queryKey: ['searches'],
    queryFn: async ({ signal }) => (await got(api.GET('/v1/searches', { signal }))).searches,
  })
  const remove = async (id: string) => {
    try {
      await api.DELETE('/v1/searches/{search_id}', { params: { path: { search_id: id } } })
      await queryClient.invalidateQueries({ queryKey: ['searches'] })
    } catch (refused) {
      toast(told(refused, words), { tone: 'bad' })
    }
  }
  if (!data?.length) return null
  return (
    <section className="mt-10">
      <h2 className="mb-3 text-xl">{texts.searches}</h2>
      <ul className="divide-y divide-line">
        {data.map(({ id, name, q }) => (
          <li key={id} className="flex items-center gap-3 py-2">
            <Search aria-hidden size={16} className="text-soft" />
            <Link to={to.gallery(new URLSearchParams({ q }).toString())} className="min-w-0 flex-1 hover:text-accent">
              <span className="font-semibold">{name}</span> <span className="label font-mono">{q}</span>
            </Link>
            <Button weight="quiet" aria-label={texts.removeSearch(name)} onClick={() => void remove(id)}>
              <Trash2 aria-hidden size={16} />
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}
