// The words in the language of this device: `useWords().studio.generate` in a component, `words()` elsewhere; numbers,
// times and sizes through `Intl`.
import { type Language, useLook } from '~/shell/look'
import { gallery } from './de/gallery'
import { library } from './de/library'
import { rack } from './de/rack'
import { settings } from './de/settings'
import { shell } from './de/shell'
import { studio } from './de/studio'
import { uploads } from './de/uploads'
import { viewer } from './de/viewer'
import { en, type Words } from './words'

export type { Words } from './words'

const BY_LANGUAGE: Record<Language, Words> = {
  en,
  de: { shell, studio, settings, gallery, library, rack, uploads, viewer },
}

export function words(): Words {
  return BY_LANGUAGE[useLook.getState().language]
}

export function useWords(): Words {
  return BY_LANGUAGE[useLook(look => look.language)]
}

/** `1,234` or `1.234`. */
export function counted(value: number): string {
  return new Intl.NumberFormat(useLook.getState().language).format(value)
}

/** Seconds as people say them: `0.8 s`, `45 s`, `3 min`, `1 h 20 min`. */
export function lasting(seconds: number): string {
  const number = (value: number, digits = 0) =>
    new Intl.NumberFormat(useLook.getState().language, { maximumFractionDigits: digits }).format(value)
  if (seconds < 9.95) return `${number(seconds, 1)} s`
  if (seconds < 90) return `${number(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${number(minutes)} min`
  return `${number(Math.floor(minutes / 60))} h ${number(minutes % 60)} min`
}

/** MiB as people say them: `840 MiB`, `6.6 GiB`. */
export function sized(mib: number): string {
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(useLook.getState().language, { maximumFractionDigits: digits }).format(value)
  return mib < 1000 ? `${number(mib, 0)} MiB` : `${number(mib / 1024, 1)} GiB`
}

/** Joules as people say them: `450 J`, `1.9 kJ`. */
export function joules(value: number): string {
  const number = (text: number, digits: number) =>
    new Intl.NumberFormat(useLook.getState().language, { maximumFractionDigits: digits }).format(text)
  return value < 1000 ? `${number(value, 0)} J` : `${number(value / 1000, 1)} kJ`
}

/** A moment on this device's clock: the time today, the day before. */
export function moment(iso: string): string {
  const at = new Date(iso)
  const isToday = at.toDateString() === new Date().toDateString()
  const style: Intl.DateTimeFormatOptions = isToday
    ? { timeStyle: 'short' }
    : { dateStyle: 'medium', timeStyle: 'short' }
  return new Intl.DateTimeFormat(useLook.getState().language, style).format(at)
}
