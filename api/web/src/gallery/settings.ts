// How this device shows pictures: size of tiles, from which rating they are blurred, the slideshow's pace. Nothing personal.
import { create } from 'zustand'
import { persist } from 'zustand/middleware'

export const SIZES = [90, 130, 180, 240, 330, 450] as const
export const PACES_S = [3, 5, 8, 15, 30] as const

interface GallerySettings {
  /** Place in `SIZES`. */
  size: number
  /** Pictures that are as likely unsafe for work are blurred; 1.01: none is. */
  blurFrom: number
  paceS: number
  /** After a rating by key, the next picture. */
  advances: boolean
}

export const NEVER_BLUR = 1.01
/** From which likelihood on pictures are blurred, by how careful one wants it. */
export const BLURS = { careful: 0.2, usual: 0.5, sure: 0.8 } as const
export type Care = keyof typeof BLURS

/** How careful a setting is, the nearest one; null: nothing is blurred. Pure. */
export function careOf(blurFrom: number): Care | null {
  if (blurFrom >= NEVER_BLUR) return null
  const far = (care: Care) => Math.abs(BLURS[care] - blurFrom)
  return (Object.keys(BLURS) as Care[]).reduce((best, care) => (far(care) < far(best) ? care : best))
}

export const useGallerySettings = create<GallerySettings>()(
  persist((): GallerySettings => ({ size: 2, blurFrom: 0.5, paceS: 5, advances: false }), { name: 'darkroom.gallery' }),
)

export function resized(by: number): void {
  useGallerySettings.setState(({ size }) => ({ size: Math.min(SIZES.length - 1, Math.max(0, size + by)) }))
}

/** Pictures that somebody wanted to see although they are blurred; until the page is left. */
export const useRevealed = create<{ ids: ReadonlySet<string> }>(() => ({ ids: new Set() }))

export function toggleRevealed(id: string): void {
  useRevealed.setState(({ ids }) => {
    const next = new Set(ids)
    if (!next.delete(id)) next.add(id)
    return { ids: next }
  })
}

/** Whether a picture is one of those that are blurred until somebody wants to see it. One that nobody rated is not. */
export function useIsDelicate(nsfw: number | null | undefined): boolean {
  const blurFrom = useGallerySettings(settings => settings.blurFrom)
  return (nsfw ?? 0) >= blurFrom
}

/** Whether a picture is to be blurred now. */
export function useIsBlurred(id: string, nsfw: number | null | undefined): boolean {
  const isDelicate = useIsDelicate(nsfw)
  const isRevealed = useRevealed(({ ids }) => ids.has(id))
  return isDelicate && !isRevealed
}
