// Which width and height a shape means on a model: about as many pixels as it likes best, within what it can do.

export interface Limits {
  min_side_px: number
  max_side_px: number
  max_megapixels: number
  size_step_px: number
}

export interface Size {
  width: number
  height: number
}

/** Width over height. */
export const RATIOS: Readonly<Record<string, number>> = {
  '1:1': 1,
  '3:2': 3 / 2,
  '4:3': 4 / 3,
  '16:9': 16 / 9,
  '2:3': 2 / 3,
  '3:4': 3 / 4,
  '9:16': 9 / 16,
}

const MEGAPIXEL = 1_000_000

/** Sides in pixels, each a multiple of the model's step. Pure. */
export function sizeOf(ratio: number, best: Size, limits: Limits): Size {
  const step = limits.size_step_px
  const pixels = Math.min(best.width * best.height, limits.max_megapixels * MEGAPIXEL)
  const width = side(Math.sqrt(pixels * ratio), limits)
  let height = side(width / ratio, limits)
  // Rounding up both sides may pass the limit by a step.
  while (width * height > limits.max_megapixels * MEGAPIXEL && height - step >= limits.min_side_px) height -= step
  return { width, height }
}

function side(px: number, { min_side_px, max_side_px, size_step_px: step }: Limits): number {
  const rounded = Math.round(px / step) * step
  return Math.min(Math.floor(max_side_px / step) * step, Math.max(Math.ceil(min_side_px / step) * step, rounded))
}
