// One album: its own order, or by month; what rules put into it, or what somebody did.
import { useQuery } from '@tanstack/react-query'
import { Pencil, Trash2 } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { ApiAway } from '~/api/errors'
import { type Album, albumOf, deleteAlbum, editAlbum } from '~/library/albums'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { Trouble, told } from '~/parts/Trouble'
import { navigate, to, useAddress } from '~/shell/router'
import type { ScreenProps } from '~/shell/routes'
import { toast } from '~/shell/toasts'
import { useWords } from '~/strings'
import { Library } from './Library'

export default function AlbumScreen({ params }: ScreenProps) {
  const { query } = useAddress()
  const id = params.id ?? ''
  const { data: album, error, refetch } = useQuery(albumOf(id))
  if (error && !(album && error instanceof ApiAway)) {
    return (
      <div className="p-8">
        <Trouble error={error} onRetry={() => void refetch()} />
      </div>
    )
  }
  return (
    <Library
      query={query}
      album={id}
      heading={album && <Heading album={album} />}
      title={album?.name}
      rules={rulesIn(album)}
    />
  )
}

/** The search box of a rule album, in words; empty: it is none. */
function rulesIn(album: Album | undefined): string {
  const box = album?.rules?.q
  return typeof box === 'string' ? box : ''
}

function Heading({ album }: { album: Album }) {
  const words = useWords()
  const { albums } = words.gallery
  const [open, setOpen] = useState<'edit' | 'delete' | null>(null)
  const [name, setName] = useState(album.name)
  const [description, setDescription] = useState(album.description)
  const isTheirs = album.may === 'own'
  const rules = rulesIn(album)
  const [box, setBox] = useState(rules)
  const attempt = async (deed: Promise<void>) => {
    try {
      await deed
      setOpen(null)
    } catch (error) {
      toast(told(error, words), { tone: 'bad' })
    }
  }
  const save = (event: FormEvent) => {
    event.preventDefault()
    void attempt(
      editAlbum(album, { name: name.trim(), description, ...(rules && { rules: { ...album.rules, q: box.trim() } }) }),
    )
  }
  return (
    <div className="flex flex-wrap items-baseline gap-x-3">
      <h1 className="text-2xl break-words">{album.name}</h1>
      {rules && <p className="label font-mono">{rules}</p>}
      {!isTheirs && <p className="label">{albums.of(album.owner)}</p>}
      {album.description && <p className="label w-full">{album.description}</p>}
      {isTheirs && (
        <span className="ms-auto flex">
          <Button weight="quiet" aria-label={albums.edit} title={albums.edit} onClick={() => setOpen('edit')}>
            <Pencil aria-hidden size={16} />
          </Button>
          <Button weight="quiet" aria-label={albums.remove} title={albums.remove} onClick={() => setOpen('delete')}>
            <Trash2 aria-hidden size={16} />
          </Button>
        </span>
      )}
      {open === 'edit' && (
        <Dialog title={albums.edit} onClose={() => setOpen(null)}>
          <form onSubmit={save} className="space-y-4">
            <label className="block space-y-1">
              <span className="label">{albums.name}</span>
              <input
                className="field"
                required
                maxLength={200}
                value={name}
                onChange={event => setName(event.target.value)}
              />
            </label>
            <label className="block space-y-1">
              <span className="label">{albums.description}</span>
              <textarea
                className="field"
                rows={3}
                maxLength={2000}
                value={description}
                onChange={event => setDescription(event.target.value)}
              />
            </label>
            {rules && (
              <label className="block space-y-1">
                <span className="label">{albums.rules}</span>
                <input
                  className="field font-mono text-sm"
                  required
                  maxLength={1000}
                  value={box}
                  onChange={event => setBox(event.target.value)}
                />
              </label>
            )}
            <div className="flex justify-end gap-3">
              <Button onClick={() => setOpen(null)}>{words.shell.cancel}</Button>
              <Button weight="strong" type="submit" disabled={!name.trim()}>
                {albums.save}
              </Button>
            </div>
          </form>
        </Dialog>
      )}
      {open === 'delete' && (
        <Dialog title={albums.removeTitle(album.name)} onClose={() => setOpen(null)}>
          <p className="mb-5 text-soft">{albums.removeText}</p>
          <div className="flex justify-end gap-3">
            <Button onClick={() => setOpen(null)}>{words.shell.cancel}</Button>
            <Button
              weight="strong"
              onClick={() => void attempt(deleteAlbum(album.id).then(() => navigate(to.albums())))}
            >
              {albums.remove}
            </Button>
          </div>
        </Dialog>
      )}
    </div>
  )
}
