// A picture in 25 bytes, drawn before the picture is there. The format is Evan Wallace's ThumbHash: a few cosines of
// brightness and of two colour differences. Alpha is laid on grey, for nothing stands behind a tile.

export interface Bitmap {
  width: number
  height: number
  /** RGB, three bytes a pixel, from the upper left. */
  rgb: Uint8Array
}

const LONG_SIDE = 24

/** The bytes of base64; null: this is none. */
export function bytesOf(base64: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(base64), char => char.charCodeAt(0))
  } catch {
    return null
  }
}

/** The little picture that a hash stands for; null: too short to be one. Pure. */
export function decoded(hash: Uint8Array): Bitmap | null {
  if (hash.length < 5) return null
  const byte = (at: number) => hash[at] ?? 0
  const head = byte(0) | (byte(1) << 8) | (byte(2) << 16)
  const tail = byte(3) | (byte(4) << 8)
  const hasAlpha = head >> 23 === 1
  const isLandscape = tail >> 15 === 1
  const coarse = Math.max(3, tail & 7)
  const fine = hasAlpha ? 5 : 7
  const lx = Math.max(3, isLandscape ? fine : coarse)
  const ly = Math.max(3, isLandscape ? coarse : fine)

  let nibble = (hasAlpha ? 6 : 5) * 2
  const channel = (nx: number, ny: number, scale: number) => {
    const values: number[] = []
    for (let cy = 0; cy < ny; cy += 1) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) {
        const half = nibble & 1 ? byte(nibble >> 1) >> 4 : byte(nibble >> 1) & 15
        values.push((half / 7.5 - 1) * scale)
        nibble += 1
      }
    }
    return values
  }
  const l = channel(lx, ly, ((head >> 18) & 31) / 31)
  const p = channel(3, 3, (((tail >> 3) & 63) / 63) * 1.25)
  const q = channel(3, 3, (((tail >> 9) & 63) / 63) * 1.25)
  const a = hasAlpha ? channel(5, 5, (byte(5) >> 4) / 15) : null

  const dc = { l: (head & 63) / 63, p: ((head >> 6) & 63) / 31.5 - 1, q: ((head >> 12) & 63) / 31.5 - 1 }
  const alphaDc = hasAlpha ? (byte(5) & 15) / 15 : 1
  const aspect = lx / ly
  const width = Math.max(1, Math.round(aspect > 1 ? LONG_SIDE : LONG_SIDE * aspect))
  const height = Math.max(1, Math.round(aspect > 1 ? LONG_SIDE / aspect : LONG_SIDE))
  const rgb = new Uint8Array(width * height * 3)
  const terms = Math.max(lx, ly, 5)
  const across = cosines(width, terms)
  const down = cosines(height, terms)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sum = (values: number[], nx: number, ny: number) => {
        let total = 0
        let at = 0
        for (let cy = 0; cy < ny; cy += 1) {
          const fy = (down[y * terms + cy] ?? 0) * 2
          for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) {
            total += (values[at] ?? 0) * (across[x * terms + cx] ?? 0) * fy
            at += 1
          }
        }
        return total
      }
      const light = dc.l + sum(l, lx, ly)
      const warm = dc.p + sum(p, 3, 3)
      const green = dc.q + sum(q, 3, 3)
      const alpha = clamped(a ? alphaDc + sum(a, 5, 5) : 1)
      const blue = light - (2 / 3) * warm
      const red = (3 * light - blue + green) / 2
      const at = (y * width + x) * 3
      rgb[at] = laid(red, alpha)
      rgb[at + 1] = laid(red - green, alpha)
      rgb[at + 2] = laid(blue, alpha)
    }
  }
  return { width, height, rgb }
}

function cosines(length: number, terms: number): Float32Array {
  const found = new Float32Array(length * terms)
  for (let at = 0; at < length; at += 1) {
    for (let term = 0; term < terms; term += 1) found[at * terms + term] = Math.cos((Math.PI / length) * (at + 0.5) * term)
  }
  return found
}

const clamped = (value: number) => Math.min(1, Math.max(0, value))
const laid = (value: number, alpha: number) => Math.round(255 * (clamped(value) * alpha + 0.5 * (1 - alpha)))

const BMP_HEAD_BYTES = 54

/** A bitmap as a `data:` address; BMP, because it needs no compression and every browser reads it. Pure. */
export function bmpAddress({ width, height, rgb }: Bitmap): string {
  const line = (width * 3 + 3) & ~3
  const bytes = new Uint8Array(BMP_HEAD_BYTES + line * height)
  const view = new DataView(bytes.buffer)
  bytes.set([0x42, 0x4d])
  view.setUint32(2, bytes.length, true)
  view.setUint32(10, BMP_HEAD_BYTES, true)
  view.setUint32(14, 40, true)
  view.setInt32(18, width, true)
  view.setInt32(22, -height, true)
  view.setUint16(26, 1, true)
  view.setUint16(28, 24, true)
  view.setUint32(34, line * height, true)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = (y * width + x) * 3
      const to = BMP_HEAD_BYTES + y * line + x * 3
      bytes[to] = rgb[from + 2] ?? 0
      bytes[to + 1] = rgb[from + 1] ?? 0
      bytes[to + 2] = rgb[from] ?? 0
    }
  }
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`
}

const MOST_KEPT = 2000
const kept = new Map<string, string>()

/** The address of the little picture of a hash; empty: there is none. The last 2,000 are kept. */
export function placeholder(base64: string): string {
  const known = kept.get(base64)
  if (known !== undefined) return known
  const bytes = bytesOf(base64)
  const bitmap = bytes && decoded(bytes)
  const address = bitmap ? bmpAddress(bitmap) : ''
  if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value as string)
  kept.set(base64, address)
  return address
}
