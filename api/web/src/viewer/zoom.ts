// Where one looks at a picture and from how near. Pure.
//
// `zoom` 1 fits the picture into the window; the centre is a point of the picture (0..1 of its sides). So the same view fits
// two pictures of different sizes, which is what comparing needs.

export interface View {
  zoom: number
  cx: number
  cy: number
}

export interface Size {
  width: number
  height: number
}

export const FIT: View = { zoom: 1, cx: 0.5, cy: 0.5 }
/** A pixel of the picture is at most so many pixels of the screen. */
const MOST_PIXELS = 16

/** Size at which a picture fits into the window, in CSS pixels; small ones are enlarged to it. */
export function fitted(picture: Size, window: Size): Size {
  if (picture.width <= 0 || picture.height <= 0) return { width: 0, height: 0 }
  const scale = Math.min(window.width / picture.width, window.height / picture.height)
  return { width: picture.width * scale, height: picture.height * scale }
}

/** The zoom at which one pixel of the picture is one of the screen; may be below 1. */
export function pixelZoom(picture: Size, fit: Size, density: number): number {
  return fit.width > 0 ? picture.width / density / fit.width : 1
}

export function mostZoom(picture: Size, fit: Size, density: number): number {
  return Math.max(1, pixelZoom(picture, fit, density) * MOST_PIXELS)
}

/** Nearer by a factor, with what is under a point staying there. `x`, `y`: from the window's middle, in CSS pixels. */
export function zoomedAt(view: View, factor: number, x: number, y: number, fit: Size, window: Size, most: number): View {
  const zoom = Math.min(most, Math.max(1, view.zoom * factor))
  const cx = view.cx + x / (fit.width * view.zoom) - x / (fit.width * zoom)
  const cy = view.cy + y / (fit.height * view.zoom) - y / (fit.height * zoom)
  return held({ zoom, cx, cy }, fit, window)
}

/** Moved by a distance of the hand, in CSS pixels. */
export function panned(view: View, dx: number, dy: number, fit: Size, window: Size): View {
  const cx = view.cx - dx / (fit.width * view.zoom)
  const cy = view.cy - dy / (fit.height * view.zoom)
  return held({ ...view, cx, cy }, fit, window)
}

/** The picture does not leave the window: where it is smaller it stands in the middle. */
export function held(view: View, fit: Size, window: Size): View {
  const axis = (centre: number, shown: number, room: number) => {
    const half = room / shown / 2
    return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, centre))
  }
  return {
    zoom: view.zoom,
    cx: axis(view.cx, fit.width * view.zoom, window.width),
    cy: axis(view.cy, fit.height * view.zoom, window.height),
  }
}

/** Fit ↔ pixel for pixel, at a point; a picture that is smaller than the window goes to twice its pixels. */
export function toggledZoom(view: View, x: number, y: number, picture: Size, fit: Size, window: Size, density: number): View {
  if (view.zoom > 1.001) return FIT
  const pixels = pixelZoom(picture, fit, density)
  const wanted = pixels > 1.001 ? pixels : 2
  return zoomedAt(view, wanted / view.zoom, x, y, fit, window, Math.max(wanted, mostZoom(picture, fit, density)))
}
