// What screen readers are told besides what has the focus: milestones of jobs, results of searches. Politely, one at a time.
import { create } from 'zustand'

export const useSpeech = create<{ text: string }>(() => ({ text: '' }))

/** Say it once. The same words twice are said twice: the second time with a trailing space. */
export function say(text: string): void {
  useSpeech.setState(was => ({ text: was.text === text ? `${text}\u00a0` : text }))
}
