// Taking pictures away: one as its file, several as an archive that the server sends while it makes it, so that a thousand
// pictures never lie in this tab. The browser's own download shows how far it is and can be stopped.
import type { Chosen } from './selection'

/** Ids of one archive: as a filter in an address they stay below the 20,000 characters that one may have. */
const MOST_IDS = 500

/** Addresses of the archives that hold what is chosen: one, or several where too many are chosen by name. Pure. */
export function archivesOf(chosen: Chosen): string[] {
  if ('filter' in chosen) return [archive(chosen.filter)]
  const parts: string[] = []
  for (let at = 0; at < chosen.ids.length; at += MOST_IDS) {
    // Of an album, others' pictures too.
    parts.push(archive({ ids: chosen.ids.slice(at, at + MOST_IDS), scope: 'all' }))
  }
  return parts
}

function archive(filter: Record<string, unknown>): string {
  return `/v1/assets/export?${new URLSearchParams({ filter: JSON.stringify(filter) })}`
}

/** Have the browser save a file; without a name, under the one that the server gives it. */
export function save(address: string, name = ''): void {
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
}
