// The pictures of a job that succeeded.
import type { Job } from './feed'

export interface Made {
  id: string
  seed: number
  width: number
  height: number
}

/** In the order they were asked for; empty until it succeeded. Pure. */
export function picturesOf(job: Job): Made[] {
  const images = job.result?.images
  if (job.state !== 'succeeded' || !Array.isArray(images)) return []
  return images.filter(isMade)
}

function isMade(one: unknown): one is Made {
  return typeof one === 'object' && one !== null && typeof (one as Made).id === 'string'
}

/** Widths that thumbnails are stored in. */
export type ThumbnailWidth = 320 | 640

/** Address of a picture as it is, or at most this wide. */
export function pictureUrl(id: string, width?: ThumbnailWidth): string {
  return `/v1/images/${id}${width ? `?width=${width}` : ''}`
}
