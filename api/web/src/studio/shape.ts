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

/** Sides in pixels, each a multiple of the model's step: of the sizes around the exact one, the truest to the shape that has
 * no more pixels. Pure. */
export function sizeOf(ratio: number, best: Size, limits: Limits): Size {
  const pixels = Math.min(best.width * best.height, limits.max_megapixels * MEGAPIXEL)
  const sizes = sides(Math.sqrt(pixels * ratio), limits).flatMap(width =>
    sides(Math.sqrt(pixels / ratio), limits).map(height => ({ width, height })),
  )
  const bend = ({ width, height }: Size) => Math.abs(Math.log(width / height / ratio))
  const small = sizes.filter(({ width, height }) => width * height <= pixels)
  return small.sort((a, b) => bend(a) - bend(b) || b.width * b.height - a.width * a.height)[0] ?? best
}

/** The steps below and above, within the limits. */
function sides(px: number, { min_side_px, max_side_px, size_step_px: step }: Limits): number[] {
  const least = Math.ceil(min_side_px / step) * step
  const most = Math.floor(max_side_px / step) * step
  const inside = (side: number) => Math.min(most, Math.max(least, side))
  return [inside(Math.floor(px / step) * step), inside(Math.ceil(px / step) * step)]
}
