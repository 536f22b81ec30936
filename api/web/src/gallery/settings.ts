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

/** Whether a picture is to be blurred. One that nobody has looked at is shown. */
export function useIsBlurred(id: string, nsfw: number | null | undefined): boolean {
  const blurFrom = useGallerySettings(settings => settings.blurFrom)
  const isRevealed = useRevealed(({ ids }) => ids.has(id))
  return !isRevealed && (nsfw ?? 0) >= blurFrom
}
