// The gallery in all its places: search, facets, grid, what can be done with what is chosen; a trash and an album are the
// same with something fixed.
import { useQuery } from '@tanstack/react-query'
import { ArrowDownWideNarrow, CalendarDays, Layers, Minus, Play, Plus, SlidersHorizontal, Upload } from 'lucide-react'
import { type ReactNode, useCallback, useMemo, useRef, useState } from 'react'
import { ApiAway } from '~/api/errors'
import { albumOf, editAlbum } from '~/library/albums'
import { Button } from '~/parts/Button'
import { Trouble, told } from '~/parts/Trouble'
import { navigate, to, useAddress } from '~/shell/router'
import { toast } from '~/shell/toasts'
import { counted, words as currentWords, useWords } from '~/strings'
import { UploadZone } from '~/uploads/UploadZone'
import { walkWith } from '~/viewer/walk'
import { AlbumTools, useAlbumKeys } from './AlbumTools'
import { BulkBar } from './BulkBar'
import { isRanked } from './chips'
import { Empty } from './Empty'
import { Facets } from './Facets'
import { Grid, type GridHandle } from './Grid'
import { leap } from './leaps'
import { monthTitle } from './monthTitle'
import { addressOf, boxed, type Question, questionOf } from './question'
import { SaveSearch } from './SaveSearch'
import { SearchBox } from './SearchBox'
import { Slideshow } from './Slideshow'
import { countOf, EVERYTHING, isChosen as isIn, NOTHING } from './selection'
import { resized } from './settings'
import { useSettling } from './settling'
import { LIST, useShelf } from './shelf'
import { useArranging } from './useArranging'
import { useChoosing } from './useChoosing'
import { deedsOf } from './useDeeds'
import { useKeys, useLeaps } from './useKeys'

interface Props {
  query: URLSearchParams
  trashed?: boolean
  album?: string
  heading?: ReactNode
  title?: string
  rules?: string
}

export function Library({ query, trashed = false, album = '', heading, title, rules = '' }: Props) {
  const words = useWords().gallery
  const { path } = useAddress()
  const text = query.toString()
  const question = useMemo(() => {
    const found = questionOf(new URLSearchParams(text), { album, trashed })
    // What rules find has no order of its own.
    return rules && found.sort === 'album' ? { ...found, sort: 'newest' as const } : found
  }, [text, album, trashed, rules])
  const shelf = useShelf(question)
  const handle = useRef<GridHandle>({ sections: [], wanted: { width: 0, height: 0, gap: 0 }, scroller: null })
  const [showsFacets, setShowsFacets] = useState(false)
  const [isSliding, setSliding] = useState(false)
  const chooser = useRef<() => void>(() => undefined)

  const ask = useCallback(
    (next: Partial<Question>) => {
      const address = addressOf({ ...question, ...next })
      navigate(address ? `${path}?${address}` : path, { replace: true })
    },
    [question, path],
  )
  const open = useCallback(
    (id: string, place: number) => {
      walkWith(shelf, handle.current.sections, place)
      navigate(to.viewer(id))
    },
    [shelf],
  )
  const choosing = useChoosing(shelf, handle, open)
  const { chosen, choose, focus, walk } = choosing
  const deeds = deedsOf(shelf, chosen, choosing.focusId, choose)
  const count = countOf(chosen, shelf.total)
  const isChosen = useCallback((id: string) => isIn(chosen, id), [chosen])
  const titleOf = useCallback(
    (month: number) => (month === LIST ? (question.sort === 'album' ? '' : words.ranked) : monthTitle(month)),
    [question.sort, words],
  )
  const all = useCallback(() => choose(EVERYTHING), [choose])
  useKeys({ deeds, choosing, shelf, onAll: all, onSlides: () => setSliding(true) })
  useLeaps((unit, by) => walk(leap(handle.current.sections, shelf.packed, focus, unit, by)), question.sort !== 'newest')
  useSettling()
  const { data: shownAlbum } = useQuery(albumOf(album))
  const arranging = useArranging({ album: shownAlbum, shelf, chosen, focusId: choosing.focusId, walk })
  useAlbumKeys(arranging.along, !arranging.canArrange)
  const cover = async () => {
    const [id] = chosen.ids
    if (!shownAlbum || !id) return
    try {
      await editAlbum(shownAlbum, { cover: id })
      toast(words.albums.covered, { tone: 'good' })
    } catch (error) {
      toast(told(error, currentWords()), { tone: 'bad' })
    }
  }
  const canCover = shownAlbum?.may === 'own' && chosen.kind === 'some' && count === 1

  const nothing = !shelf.isPending && !shelf.error && shelf.total === 0
  const onBox = useCallback((box: string) => ask(boxed(question, box)), [ask, question])
  return (
    <UploadZone isOff={trashed} album={rules ? '' : album} chooser={chooser}>
      <header className="space-y-2 px-4 pt-4 pb-2 max-md:px-2">
        {heading ?? <h1 className="sr-only">{trashed ? words.trashTitle : words.title}</h1>}
        <div className="flex flex-wrap items-start gap-2">
          <SearchBox box={question.box} error={shelf.error} onChange={onBox} />
          <div className="flex items-center gap-0.5">
            <Button
              weight="quiet"
              aria-expanded={showsFacets}
              aria-label={words.facets.label}
              title={words.facets.label}
              className={showsFacets ? 'text-accent!' : ''}
              onClick={() => setShowsFacets(was => !was)}
            >
              <SlidersHorizontal aria-hidden size={18} />
            </Button>
            <Button
              weight="quiet"
              aria-pressed={question.stacked}
              aria-label={words.stacks}
              title={words.stacks}
              className={question.stacked ? 'text-accent!' : ''}
              onClick={() => ask({ stacked: !question.stacked })}
            >
              <Layers aria-hidden size={18} />
            </Button>
            {(isRanked(question.box) || (album && !rules)) && (
              <Button
                weight="quiet"
                aria-label={question.sort === 'newest' ? words.sort.own : words.sort.newest}
                title={question.sort === 'newest' ? words.sort.own : words.sort.newest}
                onClick={() => ask({ sort: question.sort === 'newest' ? (album ? 'album' : 'relevance') : 'newest' })}
              >
                {question.sort === 'newest' ? (
                  <ArrowDownWideNarrow aria-hidden size={18} />
                ) : (
                  <CalendarDays aria-hidden size={18} />
                )}
              </Button>
            )}
            {question.box && !trashed && <SaveSearch box={question.box} />}
            <span className="flex max-md:hidden">
              <Button
                weight="quiet"
                aria-label={words.smaller}
                title={`${words.smaller} (−)`}
                onClick={() => resized(-1)}
              >
                <Minus aria-hidden size={18} />
              </Button>
              <Button weight="quiet" aria-label={words.larger} title={`${words.larger} (+)`} onClick={() => resized(1)}>
                <Plus aria-hidden size={18} />
              </Button>
            </span>
            {shelf.total > 0 && (
              <Button
                weight="quiet"
                aria-label={words.slides.start}
                title={words.slides.start}
                onClick={() => setSliding(true)}
              >
                <Play aria-hidden size={18} />
              </Button>
            )}
            {!trashed && (
              <Button weight="quiet" aria-label={words.upload} title={words.upload} onClick={() => chooser.current()}>
                <Upload aria-hidden size={18} />
              </Button>
            )}
          </div>
        </div>
        <p className="label flex gap-3" role="status">
          <span>{shelf.isPending ? words.looking : words.count(counted(shelf.total), shelf.total)}</span>
          {shelf.semantic === false && <span>{words.wordsAlone}</span>}
        </p>
        {showsFacets && (
          <div className="card max-h-[40vh] overflow-y-auto p-4">
            <Facets question={question} onBox={onBox} />
          </div>
        )}
      </header>
      {shelf.error && !isBoxRefused(shelf.error) && !isSaidAbove(shelf.error, shelf.total) && (
        <div className="px-4 pb-3">
          <Trouble error={shelf.error} onRetry={shelf.refetch} />
        </div>
      )}
      {nothing ? (
        <Empty question={question} onUpload={() => chooser.current()} onBox={onBox} />
      ) : (
        <Grid
          shelf={shelf}
          isChosen={isChosen}
          isChoosing={count > 0}
          focus={focus}
          titleOf={titleOf}
          handle={handle}
          events={{ ...choosing.events, ...arranging.events }}
          label={title ?? (trashed ? words.trashTitle : words.title)}
        />
      )}
      {count > 0 && (
        <BulkBar
          count={count}
          deeds={deeds}
          trashed={trashed}
          album={album && !rules ? album : ''}
          albumTools={
            <AlbumTools
              onWay={arranging.canArrange ? arranging.along : null}
              onCover={canCover ? () => void cover() : null}
            />
          }
          canChooseAll={count < shelf.total}
          onAll={all}
          onClear={() => choose(NOTHING)}
        />
      )}
      {arranging.gap && (
        <span
          aria-hidden
          className="pointer-events-none fixed z-20 -ms-0.5 w-1 rounded bg-accent shadow-lift"
          style={arranging.gap}
        />
      )}
      {isSliding && (
        <Slideshow
          shelf={shelf}
          sections={handle.current.sections}
          from={focus}
          onClose={place => {
            setSliding(false)
            walk(place)
          }}
        />
      )}
    </UploadZone>
  )
}

/** While the API is away the banner says so, and what is kept is shown. */
function isSaidAbove(error: Error, shown: number): boolean {
  return error instanceof ApiAway && shown > 0
}

function isBoxRefused(error: Error): boolean {
  return 'field' in error && error.field === 'q'
}
