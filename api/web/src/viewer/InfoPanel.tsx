// biome-ignore-all lint/a11y/noAutofocus: the field opens because somebody asked to type into it
// What is known of a picture: its words, which can be changed, and everything that made it, which can be copied.
import { Copy, Pencil, RotateCcw, X } from 'lucide-react'
import { type FormEvent, type ReactNode, useState } from 'react'
import type { Changes } from '~/gallery/changes'
import { lookAgain } from '~/library/actions'
import { TagField } from '~/library/TagField'
import { tagsIn } from '~/library/tags'
import { Button } from '~/parts/Button'
import { joulesIn } from '~/rack/energy'
import { Link } from '~/shell/Link'
import { to } from '~/shell/router'
import { toast } from '~/shell/toasts'
import { counted, words as currentWords, joules, moment, share, sized, useWords } from '~/strings'
import { type Asset, assetChanged } from './asset'

/** Of a file: small ones in KiB. */
function fileSize(bytes: number): string {
  return bytes < 1024 * 1024 ? `${counted(Math.ceil(bytes / 1024))} KiB` : sized(bytes / 1024 / 1024)
}

interface Props {
  asset: Asset
  /** Answers whether it was done; what was typed stays where it was not. */
  onChange: (changes: Changes) => Promise<boolean>
}

export function InfoPanel({ asset, onChange }: Props) {
  const words = useWords().viewer.info
  const energy = joulesIn(asset.details)
  const facts: [string, string | number | null][] = [
    [words.model, asset.model],
    [words.seed, asset.seed],
    [words.steps, asset.steps],
    [words.guidance, asset.guidance_scale],
    [words.scheduler, asset.scheduler],
    [words.size, `${asset.width} × ${asset.height} · ${fileSize(asset.size_bytes)}`],
    [words.file, asset.file_name || null],
    [words.origin, asset.kind],
    [words.when, moment(asset.created_at)],
    [words.rating, asset.nsfw === null ? null : share(asset.nsfw)],
    [words.energy, energy === null ? null : joules(energy)],
  ]
  return (
    <section className="space-y-5">
      <Caption key={asset.id} asset={asset} onChange={onChange} />
      <Tags asset={asset} onChange={onChange} />
      {asset.prompt && <Text label={words.prompt} text={asset.prompt} />}
      {asset.negative_prompt && <Text label={words.negative} text={asset.negative_prompt} />}
      <div>
        <h2 className="eyebrow mb-2 font-sans">{words.made}</h2>
        <dl className="grid grid-cols-[auto_1fr_auto] items-center gap-x-4 gap-y-1 text-sm">
          {facts.map(([name, value]) =>
            value === null ? null : (
              <div key={name} className="contents">
                <dt className="text-soft">{name}</dt>
                <dd className="min-w-0 break-words tabular-nums">{value}</dd>
                <dd>
                  <CopyButton what={name} text={String(value)} />
                </dd>
              </div>
            ),
          )}
        </dl>
      </div>
      {asset.stack && asset.stack.count > 1 && (
        <p className="text-sm">
          <Link
            to={to.gallery(new URLSearchParams({ q: `stack:${asset.stack.id}` }).toString())}
            className="text-accent underline underline-offset-4"
          >
            {words.stack(counted(asset.stack.count))}
          </Link>
        </p>
      )}
      {asset.albums.length > 0 && (
        <p className="flex flex-wrap gap-x-3 text-sm">
          <span className="text-soft">{words.albums}</span>
          {asset.albums.map(({ id, name }) => (
            <Link key={id} to={to.album(id)} className="text-accent underline underline-offset-4">
              {name}
            </Link>
          ))}
        </p>
      )}
      {Object.keys(asset.params).length > 0 && (
        <details className="text-sm">
          <summary className="cursor-pointer text-soft">{words.everything}</summary>
          <pre className="mt-2 max-h-64 overflow-auto rounded-lg bg-ground p-3 font-mono text-xs">
            {JSON.stringify(asset.params, null, 2)}
          </pre>
          <Button className="mt-2 text-sm" onClick={() => void copy(JSON.stringify(asset.params, null, 2))}>
            <Copy aria-hidden size={14} /> {words.copyAll}
          </Button>
        </details>
      )}
    </section>
  )
}

function Caption({ asset, onChange }: Props) {
  const { info } = useWords().viewer
  const [edited, setEdited] = useState<string | null>(null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void onChange({ caption: edited ?? '' }).then(isDone => isDone && setEdited(null))
  }
  return (
    <div>
      <Headed label={info.caption}>
        {edited === null && (
          <Button weight="quiet" aria-label={`${info.edit}: ${info.caption}`} onClick={() => setEdited(asset.caption)}>
            <Pencil aria-hidden size={14} />
          </Button>
        )}
      </Headed>
      {edited !== null ? (
        <form onSubmit={submit} className="space-y-2">
          <textarea
            className="field text-sm"
            rows={4}
            autoFocus
            maxLength={10_000}
            aria-label={info.caption}
            value={edited}
            onChange={event => setEdited(event.target.value)}
            onKeyDown={event => {
              if (event.key !== 'Escape') return
              event.stopPropagation()
              setEdited(null)
            }}
          />
          <Button weight="strong" type="submit" className="text-sm">
            {info.save}
          </Button>
        </form>
      ) : (
        <p className={`text-sm break-words ${asset.caption ? '' : 'text-soft'}`}>{asset.caption || info.noCaption}</p>
      )}
      {asset.caption && edited === null && <p className="label mt-1">{info.captionBy[asset.caption_source]}</p>}
      {asset.analysis.state === 'failed' && (
        <p role="alert" className="mt-2 flex items-center gap-2 text-sm text-bad">
          <span className="flex-1 break-words">
            {info.analysisFailed}
            {asset.analysis.reason && `: ${asset.analysis.reason}`}
          </span>
          <Button
            className="text-ink"
            onClick={() => void lookAgain({ ids: [asset.id] }).then(() => assetChanged(asset.id))}
          >
            <RotateCcw aria-hidden size={14} /> {info.retry}
          </Button>
        </p>
      )}
    </div>
  )
}

function Tags({ asset, onChange }: Props) {
  const { info } = useWords().viewer
  const [tag, setTag] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const add_tags = tagsIn(tag)
    if (add_tags.length > 0) void onChange({ add_tags, remove_tags: [] }).then(isDone => isDone && setTag(''))
  }
  return (
    <div>
      <h2 className="eyebrow mb-2 font-sans">{info.tags}</h2>
      <ul className="flex flex-wrap gap-1.5">
        {asset.tags.map(({ name, source }) => (
          <li
            key={name}
            className={`flex items-center rounded-full border ps-2.5 text-sm ${source === 'user' ? 'border-accent/60' : 'border-line text-soft'}`}
          >
            <Link
              to={to.gallery(new URLSearchParams({ q: `tag:"${name.replaceAll('"', ' ')}"` }).toString())}
              className="hover:text-accent"
            >
              {name}
            </Link>
            <button
              type="button"
              aria-label={info.removeTag(name)}
              className="grid size-7 place-items-center rounded-full text-soft hover:text-bad"
              onClick={() => void onChange({ add_tags: [], remove_tags: [name] })}
            >
              <X aria-hidden size={12} />
            </button>
          </li>
        ))}
      </ul>
      <form onSubmit={submit} className="mt-2">
        <TagField label={info.addTag} text={tag} onChange={setTag} />
      </form>
    </div>
  )
}

function Text({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <Headed label={label}>
        <CopyButton what={label} text={text} />
      </Headed>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and the arrow keys must reach it */}
      <p tabIndex={0} className="max-h-40 overflow-y-auto text-sm break-words whitespace-pre-wrap">
        {text}
      </p>
    </div>
  )
}

function Headed({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex min-h-8 items-center justify-between">
      <h2 className="eyebrow font-sans">{label}</h2>
      {children}
    </div>
  )
}

function CopyButton({ what, text }: { what: string; text: string }) {
  const words = useWords().viewer.info
  return (
    <button
      type="button"
      aria-label={words.copy(what)}
      title={words.copy(what)}
      className="grid size-7 place-items-center rounded text-soft hover:text-ink"
      onClick={() => void copy(text)}
    >
      <Copy aria-hidden size={13} />
    </button>
  )
}

/** Over plain http a browser has no clipboard to write to; then the old command does. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text)
  else {
    const area = document.createElement('textarea')
    area.value = text
    document.body.append(area)
    area.select()
    document.execCommand('copy')
    area.remove()
  }
  toast(currentWords().viewer.info.copied)
}
