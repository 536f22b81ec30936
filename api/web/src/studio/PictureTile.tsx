// A developed picture, and the ways on from it: its words, its seed, all of it, itself as the start of another, the file.
import { Download, ImagePlus, RefreshCcw, Sprout, TextQuote } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Job } from '~/jobs/feed'
import { type Made, pictureUrl } from '~/jobs/pictures'
import { putPicture } from '~/library/drag'
import { Button } from '~/parts/Button'
import { Link } from '~/shell/Link'
import { to } from '~/shell/router'
import { useWords } from '~/strings'
import { useDraft } from './draft'
import { beginWith } from './pictureIn'
import { draftOf } from './request'

/** From this width on the thumbnail would lose something on a tile. */
const WIDE_PX = 640

export function PictureTile({ job, picture }: { job: Job; picture: Made }) {
  const words = useWords().studio
  const prompt = String(job.params.prompt ?? '')
  const set = useDraft.setState
  return (
    <li className="card group overflow-hidden">
      <Link to={to.viewer(picture.id)} className="block bg-ground">
        <img
          src={picture.width > WIDE_PX ? pictureUrl(picture.id, 640) : pictureUrl(picture.id)}
          alt={prompt || words.open}
          width={picture.width}
          height={picture.height}
          loading="lazy"
          decoding="async"
          onDragStart={event => putPicture(event.dataTransfer, { ...picture, asset: null, picture: picture.id })}
          className="aspect-square h-auto w-full object-contain transition duration-300 group-hover:brightness-105"
        />
      </Link>
      <div className="flex justify-between px-1 py-1 [&>*]:min-w-7 [&>*]:px-1">
        <Way
          label={words.usePrompt}
          onClick={() => set({ prompt, negative: String(job.params.negative_prompt ?? '') })}
        >
          <TextQuote aria-hidden size={16} />
        </Way>
        <Way label={words.useSeed} onClick={() => set({ seed: picture.seed })}>
          <Sprout aria-hidden size={16} />
        </Way>
        <Way label={words.useAll} onClick={() => set({ ...draftOf(job.params, job.model), seed: picture.seed }, true)}>
          <RefreshCcw aria-hidden size={16} />
        </Way>
        <Way label={words.startFrom} onClick={() => beginWith({ ...picture, picture: picture.id })}>
          <ImagePlus aria-hidden size={16} />
        </Way>
        <a
          href={pictureUrl(picture.id)}
          download={`${picture.id}.png`}
          aria-label={words.download}
          title={words.download}
          className="inline-flex min-h-8 min-w-8 items-center justify-center rounded-lg px-2 text-soft hover:bg-raised hover:text-ink"
        >
          <Download aria-hidden size={16} />
        </a>
      </div>
    </li>
  )
}

function Way({ label, onClick, children }: { label: string; onClick: () => void; children: ReactNode }) {
  return (
    <Button weight="quiet" aria-label={label} title={label} onClick={onClick}>
      {children}
    </Button>
  )
}
