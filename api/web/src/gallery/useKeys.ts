// The keys of a grid, the same wherever there is one.
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { undoLast } from './changes'
import type { Unit } from './leaps'
import { countOf, NOTHING } from './selection'
import { resized, toggleRevealed, useGallerySettings } from './settings'
import type { Shelf } from './shelf'
import type { useChoosing } from './useChoosing'
import type { Deeds } from './useDeeds'

interface KeysWanted {
  deeds: Deeds
  choosing: ReturnType<typeof useChoosing>
  shelf: Shelf
  onAll: () => void
  onSlides: () => void
}

/** Rating, choosing, putting away and the like; of what is chosen, or of the picture that has the focus. */
export function useKeys({ deeds, choosing, shelf, onAll, onSlides }: KeysWanted): void {
  const { total } = shelf
  const { trashed } = shelf.question
  const words = useWords().gallery
  const { keys, bulk } = words
  const group = words.name
  const advances = useGallerySettings(settings => settings.advances)
  const { chosen, choose, focus, focusId, walk } = choosing
  const isSome = countOf(chosen, total) > 0
  const rate = (stars: number) => {
    void deeds.change({ stars }, bulk.starred(stars))
    if (advances && !isSome) walk(Math.min(total - 1, focus + 1))
  }
  useShortcut('1', words.stars(1), () => rate(1), { group })
  useShortcut('2', words.stars(2), () => rate(2), { group })
  useShortcut('3', words.stars(3), () => rate(3), { group })
  useShortcut('4', words.stars(4), () => rate(4), { group })
  useShortcut('5', words.stars(5), () => rate(5), { group })
  useShortcut('0', keys.noStars, () => rate(0), { group })
  useShortcut(
    'f',
    keys.favourite,
    () => {
      const favourite = deeds.rows().some(row => !row.favourite) || chosen.kind === 'all'
      void deeds.change({ favourite }, favourite ? bulk.favoured : bulk.unfavoured)
    },
    { group },
  )
  useShortcut('x', keys.choose, () => void withId(id => choose({ ...toggle(id), anchor: focus })), { group })
  useShortcut('e', keys.open, () => openFocus(), { group })
  useShortcut('Delete', keys.trash, () => !trashed && void deeds.change({ trashed: true }, bulk.trashed), { group })
  useShortcut('u', keys.undo, () => void undoLast(), { group })
  useShortcut('mod+z', keys.undo, () => void undoLast(), { group })
  useShortcut('mod+a', bulk.all, onAll, { group })
  useShortcut('Escape', bulk.clear, () => choose(NOTHING), { group, isOff: !isSome })
  useShortcut('v', keys.reveal, () => withId(toggleRevealed), { group })
  useShortcut('r', bulk.look, () => !trashed && void deeds.lookAgain(), { group })
  useShortcut('+', words.larger, () => resized(1), { group })
  useShortcut('-', words.smaller, () => resized(-1), { group })
  useShortcut('s', words.slides.start, onSlides, { group, isOff: total === 0 })
  useShortcut('g', keys.back, () => walk(focus), { group })

  function withId(deed: (id: string) => void): void {
    const id = focusId()
    if (id) deed(id)
  }
  function toggle(id: string) {
    const ids = new Set(chosen.ids)
    if (!ids.delete(id)) ids.add(id)
    return { ...chosen, ids }
  }
  function openFocus(): void {
    const active = document.querySelector<HTMLElement>(`[data-place="${focus}"]`)
    active?.click()
  }
}

/** D, M and Y: the next day, month or year; with Shift back. What is in no order of time has none. */
export function useLeaps(onLeap: (unit: Unit, by: 1 | -1) => void, isOff: boolean): void {
  const words = useWords().gallery
  const more = { group: words.name, isOff }
  useShortcut('d', words.keys.day, () => onLeap('day', 1), more)
  useShortcut('shift+d', words.keys.dayBack, () => onLeap('day', -1), more)
  useShortcut('m', words.keys.month, () => onLeap('month', 1), more)
  useShortcut('shift+m', words.keys.monthBack, () => onLeap('month', -1), more)
  useShortcut('y', words.keys.year, () => onLeap('year', 1), more)
  useShortcut('shift+y', words.keys.yearBack, () => onLeap('year', -1), more)
}
