// The dialogs of the bulk bar: which tags, which album.
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { type Album, makeAlbum, useOpenAlbums } from '~/library/albums'
import { TagField } from '~/library/TagField'
import { tagsIn, tagsLike } from '~/library/tags'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { told } from '~/parts/Trouble'
import { toast } from '~/shell/toasts'
import { counted, useWords } from '~/strings'

/** Frequent tags that are offered at once. */
const MOST_KNOWN = 40

interface TagProps {
  onTags: (add: string[], remove: string[]) => void
  onClose: () => void
}

export function TagDialog({ onTags, onClose }: TagProps) {
  const words = useWords()
  const { tags } = words.gallery
  const [add, setAdd] = useState('')
  const [remove, setRemove] = useState('')
  const known = useQuery(tagsLike('', MOST_KNOWN))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onTags(tagsIn(add), tagsIn(remove))
    onClose()
  }
  return (
    <Dialog title={tags.title} onClose={onClose}>
      <form onSubmit={submit} className="space-y-4">
        <TagField label={tags.add} isLabelled autoFocus text={add} onChange={setAdd} />
        {known.data && known.data.length > 0 && (
          <ul aria-label={tags.known} className="flex max-h-32 flex-wrap gap-1.5 overflow-y-auto">
            {known.data.map(name => (
              <li key={name}>
                <button
                  type="button"
                  className="min-h-7 rounded-full border border-line px-2.5 text-sm hover:border-accent hover:text-accent"
                  onClick={() => setAdd(was => tagsIn(`${was},${name}`).join(', '))}
                >
                  {name}
                </button>
              </li>
            ))}
          </ul>
        )}
        <TagField label={tags.remove} isLabelled text={remove} onChange={setRemove} />
        <div className="flex justify-end gap-3">
          <Button onClick={onClose}>{words.shell.cancel}</Button>
          <Button weight="strong" type="submit" disabled={tagsIn(add).length + tagsIn(remove).length === 0}>
            {tags.go}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

interface AlbumProps {
  onAlbum: (album: Album) => void
  onClose: () => void
}

export function AlbumDialog({ onAlbum, onClose }: AlbumProps) {
  const words = useWords()
  const { albums } = words.gallery
  const known = useOpenAlbums()
  const [name, setName] = useState('')
  const take = (album: Album) => {
    onAlbum(album)
    onClose()
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    try {
      take(await makeAlbum(name.trim()))
    } catch (error) {
      toast(told(error, words), { tone: 'bad' })
    }
  }
  return (
    <Dialog title={albums.into} onClose={onClose}>
      <form onSubmit={submit} className="mb-4 flex gap-2">
        <input
          className="field"
          autoFocus
          required
          maxLength={200}
          aria-label={albums.newName}
          placeholder={albums.newName}
          value={name}
          onChange={event => setName(event.target.value)}
        />
        <Button weight="strong" type="submit" className="shrink-0" disabled={!name.trim()}>
          {albums.make}
        </Button>
      </form>
      <ul className="max-h-72 space-y-1 overflow-y-auto">
        {known.map(album => (
          <li key={album.id}>
            <Button weight="quiet" className="w-full justify-between! text-ink" onClick={() => take(album)}>
              <span className="truncate">{album.name}</span>
              <span className="label">{counted(album.count ?? 0)}</span>
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
