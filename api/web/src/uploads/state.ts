// How far the upload is, for whoever shows it, and what goes in the next request.
import { create } from 'zustand'
import type { Sample } from './speed'
import type { Waiting } from './waiting'

/** Of one request. */
const MOST_FILES = 8
const MOST_BYTES = 24 * 1024 * 1024

export interface Refused {
  path: string
  why: string
  /** Whether sending it again may help. */
  canRetry: boolean
}

export interface Uploads {
  total: number
  totalBytes: number
  /** Files that became assets, and those of them that were there already. */
  done: number
  known: number
  sentBytes: number
  refused: Refused[]
  isPaused: boolean
  isRunning: boolean
  /** Whether it waits for the API to answer. */
  isWaiting: boolean
  samples: Sample[]
  /** Files that a page before this one left; null: nobody has looked. */
  left: number | null
  /** Files that another program shared and nobody has said a word about. */
  shared: number
}

export const NOTHING: Uploads = {
  total: 0,
  totalBytes: 0,
  done: 0,
  known: 0,
  sentBytes: 0,
  refused: [],
  isPaused: false,
  isRunning: false,
  isWaiting: false,
  samples: [],
  left: null,
  shared: 0,
}

export const useUploads = create<Uploads>(() => NOTHING)

/** As many and as large. Pure. */
export function totalsOf(files: readonly Waiting[]): Pick<Uploads, 'total' | 'totalBytes'> {
  return { total: files.length, totalBytes: files.reduce((sum, { file }) => sum + file.size, 0) }
}

/** The files of the next request: a few, of one album, not too many bytes. Pure. */
export function nextOf<T extends { file: { size: number }; album: string }>(files: readonly T[]): T[] {
  const taken: T[] = []
  let bytes = 0
  for (const each of files) {
    const isOver = taken.length > 0 && bytes + each.file.size > MOST_BYTES
    if (isOver || taken.length === MOST_FILES || (taken[0] && taken[0].album !== each.album)) break
    taken.push(each)
    bytes += each.file.size
  }
  return taken
}
