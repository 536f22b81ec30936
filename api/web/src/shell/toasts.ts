// Short news about what was just done, with a way back where there is one. They stand in a row of their own below the
// screen, never over a picture, and are spoken by the live region.
import { create } from 'zustand'

export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'good' | 'bad'
  action?: { label: string; run: () => void }
  /** Until it is put away. */
  stays: boolean
}

const STAYS_MS = 6000
/** One with something to click stays longer: it must be reached first. */
const STAYS_WITH_ACTION_MS = 12_000

export const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }))

let last = 0

/** Say something; returns the id to take it away by. */
export function toast(text: string, more: Partial<Pick<Toast, 'tone' | 'action' | 'stays'>> = {}): number {
  last += 1
  const made: Toast = { id: last, text, tone: more.tone ?? 'plain', action: more.action, stays: more.stays ?? false }
  useToasts.setState(({ toasts }) => ({ toasts: [...shownBeside(toasts), made] }))
  if (!made.stays) setTimeout(() => dismiss(made.id), made.action ? STAYS_WITH_ACTION_MS : STAYS_MS)
  return made.id
}

/** A row of three at most, but for those that stay: they matter longer than what was just done. */
function shownBeside(toasts: readonly Toast[]): Toast[] {
  return toasts.filter((one, at) => one.stays || at >= toasts.length - 2)
}

export function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter(one => one.id !== id) }))
}
