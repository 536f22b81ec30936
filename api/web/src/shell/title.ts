// What the browser's tab says: how many jobs are open, and the screen.
import { useEffect } from 'react'
import { isOpen, useFeed } from '~/jobs/feed'
import { useWords, type Words } from '~/strings'
import { PLACES } from './nav'
import { match } from './router'

/** Pure. */
export function titleOf(path: string, open: number, words: Words): string {
  const place = PLACES.find(each => each.path === path)
  const inside = match('/albums/:id', path) ? words.shell.nav.albums : ''
  const screen = place ? words.shell.nav[place.name] : match('/picture/:id', path) ? words.viewer.name : inside
  return `${open > 0 ? `(${open}) ` : ''}${screen && `${screen} · `}${words.shell.name}`
}

export function useTitle(path: string, person: string): void {
  const words = useWords()
  const open = useFeed(feed => Object.values(feed.jobs).filter(job => job.owner === person && isOpen(job)).length)
  useEffect(() => {
    document.title = titleOf(path, open, words)
  }, [path, open, words])
}
