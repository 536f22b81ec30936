// A search that is worth coming back to: saved under a name, or as an album that fills itself.
import { BookmarkPlus } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { api } from '~/api/client'
import { queryClient } from '~/api/queries'
import { makeAlbum } from '~/library/albums'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { Trouble } from '~/parts/Trouble'
import { navigate, to } from '~/shell/router'
import { toast } from '~/shell/toasts'
import { useWords } from '~/strings'

export function SaveSearch({ box }: { box: string }) {
  const words = useWords()
  const { save } = words.gallery
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const [as, setAs] = useState<'search' | 'album'>('album')
  const [error, setError] = useState<unknown>(null)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    try {
      if (as === 'album') {
        const album = await makeAlbum(name.trim(), box)
        navigate(to.album(album.id))
      } else {
        await api.POST('/v1/searches', { body: { name: name.trim(), q: box } })
        await queryClient.invalidateQueries({ queryKey: ['searches'] })
        toast(save.saved(name.trim()), { tone: 'good' })
      }
      setOpen(false)
    } catch (refused) {
      setError(refused)
    }
  }
  return (
    <>
      <Button weight="quiet" aria-label={save.title} title={save.title} onClick={() => setOpen(true)}>
        <BookmarkPlus aria-hidden size={18} />
      </Button>
      {isOpen && (
        <Dialog title={save.title} onClose={() => setOpen(false)}>
          <form onSubmit={submit} className="space-y-4">
            <p className="font-mono text-sm text-soft">{box}</p>
            <label className="block space-y-1">
              <span className="label">{save.name}</span>
              <input
                className="field"
                autoFocus
                required
                maxLength={200}
                value={name}
                onChange={event => setName(event.target.value)}
              />
            </label>
            <fieldset className="space-y-1">
              <legend className="label">{save.as}</legend>
              {(['album', 'search'] as const).map(kind => (
                <label key={kind} className="flex items-center gap-2">
                  <input
                    type="radio"
                    name="as"
                    className="accent-accent"
                    checked={as === kind}
                    onChange={() => setAs(kind)}
                  />
                  {save[kind]}
                </label>
              ))}
            </fieldset>
            {error !== null && <Trouble error={error} />}
            <div className="flex justify-end gap-3">
              <Button onClick={() => setOpen(false)}>{words.shell.cancel}</Button>
              <Button weight="strong" type="submit" disabled={!name.trim()}>
                {save.go}
              </Button>
            </div>
          </form>
        </Dialog>
      )}
    </>
  )
}
