// A month of the library as `GET /v1/assets/buckets/{month}` packs it: 18 bytes an asset, the newest first.
// Ids are made when they are asked for: 100,000 of them as strings would be 5 MB, as bytes they are 1.8.

export const ROW_BYTES = 18
const ID_BYTES = 12

export interface PackedMonth {
  readonly count: number
  /** `ast_` and 24 hexadecimal digits. */
  idAt(place: number): string
  /** Seconds since the month began (UTC). */
  secondAt(place: number): number
  /** Width ÷ height. */
  aspectAt(place: number): number
  /** As it was answered; a list that is no month has none. */
  readonly bytes?: ArrayBuffer
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Reads rows that lie in an answer. Bytes behind the last whole row are no row. Pure. */
export function unpackedMonth(buffer: ArrayBuffer): PackedMonth {
  const view = new DataView(buffer)
  return {
    bytes: buffer,
    count: Math.floor(buffer.byteLength / ROW_BYTES),
    idAt(place) {
      let id = 'ast_'
      for (let byte = 0; byte < ID_BYTES; byte += 1) id += HEX[view.getUint8(place * ROW_BYTES + byte)]
      return id
    },
    secondAt: place => view.getUint32(place * ROW_BYTES + ID_BYTES),
    aspectAt: place => view.getUint16(place * ROW_BYTES + ID_BYTES + 4) / 1000,
  }
}
