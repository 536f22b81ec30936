// Pictures that are nearly the same, group by group: keep the best one, trash the others, or leave them be. Nothing is
// deleted by itself, and what is trashed comes back by one key.
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, got } from '~/api/client'
import { Button } from '~/parts/Button'
import { Trouble } from '~/parts/Trouble'
import { Link } from '~/shell/Link'
import { to } from '~/shell/router'
import { useShortcut } from '~/shell/shortcuts'
import { counted, useWords } from '~/strings'
import { walkAlone } from '~/viewer/walk'
import { change, undoLast } from './changes'
import { pictureAt } from './pictures'
import type { Row } from './rows'
import { useIsBlurred } from './settings'

const PAGE = 30
/** Of a group, at first and with every click: soft skies are all alike, and a group of thousands must not stop the page. */
const SHOWN = 12
type Notion = 'near' | 'exact'

/** The one to keep: a favourite, more stars, more pixels, the older. Pure; the group is not empty. */
export function bestOf(group: readonly Row[]): Row {
  return [...group].sort(
    (a, b) =>
      Number(b.favourite) - Number(a.favourite) ||
      b.stars - a.stars ||
      b.width * b.height - a.width * a.height ||
      a.created_at.localeCompare(b.created_at),
  )[0] as Row
}

export default function DuplicatesScreen() {
  const words = useWords().gallery
  const { doubles } = words
  const [notion, setNotion] = useState<Notion>('near')
  const found = useInfiniteQuery({
    queryKey: ['assets', 'duplicates', notion],
    initialPageParam: '',
    queryFn: async ({ pageParam: cursor, signal }) =>
      await got(api.GET('/v1/assets/duplicates', { params: { query: { notion, limit: PAGE, cursor } }, signal })),
    getNextPageParam: page => page.next_cursor,
  })
  useShortcut('u', words.keys.undo, () => void undoLast(), { group: words.name })
  const groups = found.data?.pages.flatMap(page => page.groups) ?? []
  const total = found.data?.pages[0]?.total ?? 0
  const trashOthers = (some: readonly Row[][]) => {
    const ids = some.flatMap(group => group.filter(row => row !== bestOf(group)).map(row => row.id))
    void change({ ids }, { trashed: true }, words.bulk.trashed)
  }
  return (
    <div className="mx-auto max-w-6xl px-6 py-8 max-md:px-4">
      <h1 className="mb-1 text-3xl">{doubles.title}</h1>
      <p className="mb-5 text-soft">{doubles.text}</p>
      <div className="mb-6 flex flex-wrap items-center gap-x-6 gap-y-2">
        <fieldset className="flex gap-5">
          <legend className="sr-only">{doubles.notion}</legend>
          {(['near', 'exact'] as const).map(each => (
            <label key={each} className="flex items-center gap-2">
              <input
                type="radio"
                name="notion"
                className="accent-accent"
                checked={notion === each}
                onChange={() => setNotion(each)}
              />
              {doubles[each]}
            </label>
          ))}
        </fieldset>
        <p className="label" role="status">
          {found.isPending ? words.looking : doubles.groups(counted(total), total)}
        </p>
        {groups.length > 1 && (
          <Button className="ms-auto" onClick={() => trashOthers(groups)}>
            {doubles.trashAll(counted(groups.length), groups.length)}
          </Button>
        )}
      </div>
      {found.error && <Trouble error={found.error} onRetry={() => void found.refetch()} />}
      <ul className="space-y-4">
        {groups.map(group => (
          <Group key={group.map(row => row.id).join()} group={group} onTrashOthers={() => trashOthers([group])} />
        ))}
      </ul>
      {found.hasNextPage && (
        <Button className="mt-6" onClick={() => void found.fetchNextPage()}>
          {doubles.more}
        </Button>
      )}
    </div>
  )
}

function Group({ group, onTrashOthers }: { group: readonly Row[]; onTrashOthers: () => void }) {
  const words = useWords().gallery.doubles
  const [shown, setShown] = useState(SHOWN)
  const best = bestOf(group)
  const left = group.length - shown
  return (
    <li className="card p-4">
      <ul className="flex gap-3 overflow-x-auto">
        {[best, ...group.filter(row => row !== best)].slice(0, shown).map(row => (
          <li key={row.id} className="shrink-0">
            <Double row={row} isBest={row === best} />
          </li>
        ))}
      </ul>
      <div className="mt-3 flex flex-wrap items-center gap-2">
        <Button onClick={onTrashOthers}>{words.keepBest(counted(group.length - 1), group.length - 1)}</Button>
        {left > 0 && (
          <Button weight="quiet" onClick={() => setShown(was => was + SHOWN)}>
            {words.inGroup(counted(left), left)}
          </Button>
        )}
      </div>
    </li>
  )
}

function Double({ row, isBest }: { row: Row; isBest: boolean }) {
  const words = useWords().gallery
  const isBlurred = useIsBlurred(row.id, row.nsfw)
  return (
    <figure>
      <Link
        to={to.viewer(row.id)}
        onClick={walkAlone}
        className={`block overflow-hidden rounded-lg ${isBest ? 'ring-2 ring-accent' : ''}`}
      >
        <img
          src={pictureAt(row.picture, 200)}
          loading="lazy"
          width={row.width}
          height={row.height}
          alt={row.alt || words.tile.noCaption(row.width, row.height)}
          className={`h-40 w-auto ${isBlurred ? 'blur-xl' : ''}`}
        />
      </Link>
      <figcaption className="label mt-1">
        {row.width} × {row.height}
        {row.stars > 0 && ` · ${words.stars(row.stars)}`}
        {isBest && <strong className="text-accent"> · {words.doubles.best}</strong>}
      </figcaption>
    </figure>
  )
}
