// Which pictures are kept, how large they are and which was seen the longest ago: that one leaves first. Pure.

export interface Bounds {
  count: number
  bytes: number
}

export type Entry = readonly [address: string, bytes: number]

export class Ledger {
  /** The one seen the longest ago comes first: a Map keeps the order of its insertions. */
  private readonly sizes = new Map<string, number>()
  private total = 0

  constructor(
    private readonly bounds: Bounds,
    entries: Iterable<Entry> = [],
  ) {
    for (const [address, bytes] of entries) this.insert(address, bytes)
  }

  get bytes(): number {
    return this.total
  }

  has(address: string): boolean {
    return this.sizes.has(address)
  }

  /** It is looked at now. */
  seen(address: string): void {
    const bytes = this.sizes.get(address)
    if (bytes === undefined) return
    this.sizes.delete(address)
    this.sizes.set(address, bytes)
  }

  /** One more; answers those that leave for it. One that is larger than all the room leaves itself. */
  add(address: string, bytes: number): string[] {
    this.remove(address)
    this.insert(address, bytes)
    const leaving: string[] = []
    for (const oldest of this.sizes.keys()) {
      if (this.sizes.size <= this.bounds.count && this.total <= this.bounds.bytes) break
      leaving.push(oldest)
      this.remove(oldest)
    }
    return leaving
  }

  entries(): Entry[] {
    return [...this.sizes]
  }

  private insert(address: string, bytes: number): void {
    this.sizes.set(address, bytes)
    this.total += bytes
  }

  private remove(address: string): void {
    this.total -= this.sizes.get(address) ?? 0
    this.sizes.delete(address)
  }
}
