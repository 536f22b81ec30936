// What can be done with the pictures that are chosen, in a row below them.
import { Album, Download, Eye, Globe, Heart, Lock, RotateCcw, Sparkles, Star, Tag, Trash2, X } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { ActionDialog } from '~/library/ActionDialog'
import { useActions } from '~/library/actions'
import { Button } from '~/parts/Button'
import { Dialog } from '~/parts/Dialog'
import { counted, useWords } from '~/strings'
import { AlbumDialog, TagDialog } from './BulkDialogs'
import type { Changes } from './changes'
import type { Deeds } from './useDeeds'

interface Props {
  count: number
  deeds: Deeds
  trashed: boolean
  /** Of an album that is looked at and filled by hand; empty: none. */
  album: string
  /** What can be done in an album of theirs, beside the rest. */
  albumTools: ReactNode
  /** Whether more can be chosen than is. */
  canChooseAll: boolean
  onAll: () => void
  onClear: () => void
}

type Open = 'tags' | 'album' | 'actions' | 'purge' | null

export function BulkBar({ count, deeds, trashed, album, albumTools, canChooseAll, onAll, onClear }: Props) {
  const words = useWords().gallery
  const actions = useActions()
  const [open, setOpen] = useState<Open>(null)
  const set = (changes: Changes, say: (count: string, exact: number) => string) => void deeds.change(changes, say)
  return (
    <section aria-label={words.bulk.label} className="z-10 border-t border-line bg-surface shadow-lift">
      <div className="flex items-center gap-1 overflow-x-auto px-4 py-2 max-md:px-2">
        <Button weight="quiet" aria-label={words.bulk.clear} title={`${words.bulk.clear} (Esc)`} onClick={onClear}>
          <X aria-hidden size={18} />
        </Button>
        <p className="me-2 shrink-0 font-semibold tabular-nums" role="status">
          {words.bulk.chosen(counted(count), count)}
        </p>
        {canChooseAll && (
          <Button className="me-2 shrink-0 text-sm" onClick={onAll}>
            {words.bulk.all}
          </Button>
        )}
        {trashed ? (
          <>
            <Tool label={words.bulk.restore} onClick={() => set({ trashed: false }, words.bulk.restored)}>
              <RotateCcw aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.purge} onClick={() => setOpen('purge')} isBad>
              <Trash2 aria-hidden size={18} />
            </Tool>
          </>
        ) : (
          <>
            <Stars onStars={stars => set({ stars }, words.bulk.starred(stars))} />
            <Tool label={words.bulk.favourite} onClick={() => set({ favourite: true }, words.bulk.favoured)}>
              <Heart aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.tag} onClick={() => setOpen('tags')}>
              <Tag aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.album} onClick={() => setOpen('album')}>
              <Album aria-hidden size={18} />
            </Tool>
            {album && (
              <Tool
                label={words.bulk.outOfAlbum}
                onClick={() => set({ remove_from_album: album }, words.bulk.takenOut)}
              >
                <X aria-hidden size={18} />
              </Tool>
            )}
            {albumTools}
            <Tool label={words.bulk.show} onClick={() => set({ visibility: 'rack' }, words.bulk.shown)}>
              <Globe aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.hide} onClick={() => set({ visibility: 'private' }, words.bulk.hidden)}>
              <Lock aria-hidden size={18} />
            </Tool>
            {actions.length > 0 && (
              <Tool label={words.bulk.actions} onClick={() => setOpen('actions')}>
                <Sparkles aria-hidden size={18} />
              </Tool>
            )}
            <Tool label={words.bulk.look} onClick={() => void deeds.lookAgain()}>
              <Eye aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.download} onClick={() => void deeds.download()}>
              <Download aria-hidden size={18} />
            </Tool>
            <Tool label={words.bulk.trash} onClick={() => set({ trashed: true }, words.bulk.trashed)} isBad>
              <Trash2 aria-hidden size={18} />
            </Tool>
          </>
        )}
      </div>
      {open === 'tags' && (
        <TagDialog
          onClose={() => setOpen(null)}
          onTags={(add_tags, remove_tags) => set({ add_tags, remove_tags }, words.bulk.tagged)}
        />
      )}
      {open === 'album' && (
        <AlbumDialog
          onClose={() => setOpen(null)}
          onAlbum={({ id, name }) => set({ add_to_album: id }, (text, exact) => words.bulk.added(text, exact, name))}
        />
      )}
      {open === 'actions' && (
        <ActionDialog
          actions={actions}
          count={count}
          onClose={() => setOpen(null)}
          onAction={(...wish) => void deeds.act(...wish)}
        />
      )}
      {open === 'purge' && (
        <Dialog title={words.bulk.purgeTitle(counted(count), count)} onClose={() => setOpen(null)}>
          <p className="mb-5 text-soft">{words.bulk.purgeText}</p>
          <div className="flex justify-end gap-3">
            <Button onClick={() => setOpen(null)}>{words.bulk.keep}</Button>
            <Button
              weight="strong"
              onClick={() => {
                setOpen(null)
                void deeds.purge()
              }}
            >
              {words.bulk.purge}
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}

interface ToolProps {
  label: string
  onClick: () => void
  isBad?: boolean
  children: ReactNode
}

export function Tool({ label, onClick, isBad, children }: ToolProps) {
  return (
    <Button
      weight="quiet"
      aria-label={label}
      title={label}
      className={`min-h-10 min-w-10 shrink-0 ${isBad ? 'hover:text-bad' : ''}`}
      onClick={onClick}
    >
      {children}
    </Button>
  )
}

export function Stars({ stars = 0, onStars }: { stars?: number; onStars: (stars: number) => void }) {
  const words = useWords().gallery
  return (
    <fieldset className="flex shrink-0 items-center">
      <legend className="sr-only">{words.rating}</legend>
      {[1, 2, 3, 4, 5].map(value => (
        <button
          key={value}
          type="button"
          aria-label={words.stars(value)}
          aria-pressed={value === stars}
          title={`${words.stars(value)} (${value})`}
          className={`grid size-8 place-items-center rounded hover:text-accent ${value <= stars ? 'text-accent' : 'text-soft'}`}
          onClick={() => onStars(value === stars ? 0 : value)}
        >
          <Star aria-hidden size={17} className={value <= stars ? 'fill-current' : ''} />
        </button>
      ))}
    </fieldset>
  )
}
