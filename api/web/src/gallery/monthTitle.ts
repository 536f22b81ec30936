// `November 2026`, in the language of this device.
import { useLook } from '~/shell/look'

/** Of year × 100 + month. */
export function monthTitle(month: number): string {
  if (!month) return ''
  const at = new Date(Date.UTC(Math.floor(month / 100), (month % 100) - 1, 1))
  return new Intl.DateTimeFormat(useLook.getState().language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(at)
}
