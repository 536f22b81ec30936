// Addresses of pictures. Smaller ones have fixed widths, so that each is made and kept once.

const WIDTHS = [320, 640, 1280, 2048] as const

/** A picture that is at least so wide on this screen; of one that fits, the stored bytes. Pure but for the screen. */
export function pictureAt(picture: string, cssWidth: number, ofWidth = Number.POSITIVE_INFINITY): string {
  const pixels = Math.min(cssWidth, ofWidth) * Math.min(2, window.devicePixelRatio || 1)
  // A quarter less than wanted is not seen on a tile, and spares four times the bytes.
  const width = WIDTHS.find(each => each >= pixels * 0.75)
  return width ? `/v1/images/${picture}?width=${width}` : `/v1/images/${picture}`
}

export function wholePicture(picture: string): string {
  return `/v1/images/${picture}`
}
