// How the page looks and listens on this device: theme, language, single-letter keys. Nothing personal, so it outlives
// a sign-out; `theme.js` reads the same entry before the first paint.
import { create } from 'zustand'
import { persist } from 'zustand/middleware'

export type Theme = 'system' | 'dark' | 'light'
export type Language = 'en' | 'de'

interface Look {
  theme: Theme
  language: Language
  /** Whether single letters without Ctrl or Alt do something (WCAG 2.1.4). */
  letterKeys: boolean
}

export const useLook = create<Look>()(
  persist((): Look => ({ theme: 'system', language: preferred(navigator.languages), letterKeys: true }), {
    name: 'darkroom.look',
  }),
)

/** The first of a person's languages that the page speaks. Pure. */
export function preferred(languages: readonly string[]): Language {
  for (const language of languages) {
    if (language.startsWith('de')) return 'de'
    if (language.startsWith('en')) return 'en'
  }
  return 'en'
}

function show({ theme, language }: Look): void {
  const page = document.documentElement
  if (theme === 'system') delete page.dataset.theme
  else page.dataset.theme = theme
  page.lang = language
}

useLook.subscribe(show)
show(useLook.getState())
