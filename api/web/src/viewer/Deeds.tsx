// What can be done with the picture, in place; and again with what made it, in the Studio.
import { Album, Download, Heart, RotateCcw, ScanSearch, Sparkles, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Stars } from '~/gallery/BulkBar'
import { AlbumDialog } from '~/gallery/BulkDialogs'
import type { Changes } from '~/gallery/changes'
import { save } from '~/gallery/download'
import { wholePicture } from '~/gallery/pictures'
import { ActionDialog } from '~/library/ActionDialog'
import { act, useActions } from '~/library/actions'
import { Button } from '~/parts/Button'
import { navigate, to } from '~/shell/router'
import { useSession } from '~/shell/session'
import { useWords } from '~/strings'
import type { Asset } from './asset'
import { partsOf, reuse } from './reuse'

interface Props {
  asset: Asset
  onChange: (changes: Changes, say?: ((text: string, exact: number) => string) | null) => Promise<boolean>
  onTrash: () => void
}

export function Deeds({ asset, onChange, onTrash }: Props) {
  const { viewer, gallery } = useWords()
  const { person } = useSession()
  const actions = useActions()
  const [open, setOpen] = useState<'actions' | 'album' | null>(null)
  return (
    <section className="space-y-4">
      <div className="-ms-2 flex flex-wrap items-center">
        <Stars stars={asset.stars} onStars={stars => void onChange({ stars })} />
        <Button
          weight="quiet"
          aria-pressed={asset.favourite}
          aria-label={viewer.deeds.favourite}
          title={`${viewer.deeds.favourite} (F)`}
          className={asset.favourite ? 'text-bad!' : ''}
          onClick={() => void onChange({ favourite: !asset.favourite })}
        >
          <Heart aria-hidden size={18} className={asset.favourite ? 'fill-current' : ''} />
        </Button>
        <Button
          weight="quiet"
          aria-label={viewer.deeds.album}
          title={viewer.deeds.album}
          onClick={() => setOpen('album')}
        >
          <Album aria-hidden size={18} />
        </Button>
        <Button
          weight="quiet"
          aria-label={viewer.deeds.similar}
          title={viewer.deeds.similar}
          onClick={() => navigate(to.gallery(new URLSearchParams({ q: `like:${asset.id}` }).toString()))}
        >
          <ScanSearch aria-hidden size={18} />
        </Button>
        <Button
          weight="quiet"
          aria-label={viewer.deeds.download}
          title={viewer.deeds.download}
          onClick={() => save(wholePicture(asset.picture), asset.file_name || asset.picture)}
        >
          <Download aria-hidden size={18} />
        </Button>
        {asset.trashed_at ? (
          <Button
            weight="quiet"
            aria-label={viewer.deeds.restore}
            title={viewer.deeds.restore}
            onClick={() => void onChange({ trashed: false }, gallery.bulk.restored)}
          >
            <RotateCcw aria-hidden size={18} />
          </Button>
        ) : (
          <Button
            weight="quiet"
            className="hover:text-bad"
            aria-label={viewer.deeds.trash}
            title={`${viewer.deeds.trash} (Del)`}
            onClick={onTrash}
          >
            <Trash2 aria-hidden size={18} />
          </Button>
        )}
      </div>
      <div>
        <h2 className="eyebrow mb-2 font-sans">{viewer.reuse.title}</h2>
        <div className="flex flex-wrap gap-2">
          {partsOf(asset).map(part => (
            <Button key={part} className="text-sm" onClick={() => reuse(asset, part, person)}>
              {viewer.reuse[part]}
            </Button>
          ))}
          {actions.length > 0 && (
            <Button className="text-sm" onClick={() => setOpen('actions')}>
              <Sparkles aria-hidden size={15} /> {viewer.deeds.actions}
            </Button>
          )}
        </div>
      </div>
      {open === 'actions' && (
        <ActionDialog
          actions={actions}
          count={1}
          onClose={() => setOpen(null)}
          onAction={(action, ...wish) => void act(action, [asset.id], ...wish)}
        />
      )}
      {open === 'album' && (
        <AlbumDialog
          onClose={() => setOpen(null)}
          onAlbum={({ id, name }) =>
            void onChange({ add_to_album: id }, (text, exact) => gallery.bulk.added(text, exact, name))
          }
        />
      )}
    </section>
  )
}
