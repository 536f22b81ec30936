// Short news about what was just done, with a way back where there is one. They stand in a row of their own below the
// screen, never over a picture, and are spoken by the live region.
import { create } from 'zustand'

export interface Toast {
  id: number
  text: string
  tone: 'plain' | 'good' | 'bad'
  action?: { label: string; run: () => void }
}

const STAYS_MS = 6000
/** One with something to click stays longer: it must be reached first. */
const STAYS_WITH_ACTION_MS = 12_000

export const useToasts = create<{ toasts: Toast[] }>(() => ({ toasts: [] }))

let last = 0

/** Say something; returns the id to take it away by. */
export function toast(
  text: string,
  more: Partial<Pick<Toast, 'tone' | 'action'>> & { /** Until it is put away. */ stays?: boolean } = {},
): number {
  last += 1
  const made: Toast = { id: last, text, tone: more.tone ?? 'plain', action: more.action }
  useToasts.setState(({ toasts }) => ({ toasts: [...toasts.slice(-2), made] }))
  if (!more.stays) setTimeout(() => dismiss(made.id), made.action ? STAYS_WITH_ACTION_MS : STAYS_MS)
  return made.id
}

export function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter(one => one.id !== id) }))
}
