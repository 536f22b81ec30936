// Smaller pictures that somebody saw, for when the server cannot be reached. The server is always asked first, so that
// what may not be seen any more is not; what it answered is kept in the person's cache, within bounds.
//
// The page makes that cache when a person arrives and deletes it when they leave; here it is only ever opened under the
// lock that the eraser has alone, so none is made anew behind its back. What was fetched for one person is put into the
// cache that was theirs when it was asked for: after an erasure that leads nowhere.
import { PERSON_LOCK, PICTURES, personOf } from '~/keep/names'
import { type Bounds, type Entry, Ledger } from './ledger'

/** A few screens of a gallery a day, for a month or two; the bytes are what phones have to spare. */
const BOUNDS: Bounds = { count: 3000, bytes: 96 * 1024 * 1024 }
/** No smaller picture is as large; what is, is none. */
const MOST_BYTES_EACH = 2 * 1024 * 1024
/** Pictures that come within this time are written together. */
const TOGETHER_MS = 1000
/** Answers of a proxy whose server is away. */
const GATEWAY = new Set([502, 504])

interface Open {
  cache: Cache
  ledger: Ledger
}

/** Whole ones are too large to keep. */
function isSmaller(address: string): boolean {
  return new URL(address).searchParams.has('width')
}

export class SeenPictures {
  private current: Promise<Open | null> | null = null
  private batch: { open: Open; address: string; picture: Response }[] = []
  private writing: Promise<void> | null = null

  constructor(
    private readonly stores: CacheStorage,
    private readonly locks: LockManager,
    /** Where the list of what is kept lies, in the same cache. */
    private readonly list: string,
    private readonly bounds: Bounds = BOUNDS,
    private readonly togetherMs: number = TOGETHER_MS,
  ) {}

  /** Who is here now; null: nobody. */
  async person(): Promise<string | null> {
    for (const name of await this.stores.keys()) {
      const person = personOf(name, PICTURES)
      if (person !== null) return person
    }
    return null
  }

  /** Somebody came or went: look again whose cache there is. */
  forget(): void {
    this.current = null
  }

  /** The server's answer, or what is kept where there is none. `during` prolongs the worker's life. */
  async answer(request: Request, during: (work: Promise<void>) => void, get: typeof fetch = fetch): Promise<Response> {
    this.current ??= this.opened()
    const open = await this.current
    try {
      const answer = await get(request)
      if (open && answer.ok && isSmaller(request.url)) during(this.keep(open, request.url, answer))
      if (!GATEWAY.has(answer.status)) return answer
      return (await this.kept(open, request.url)) ?? answer
    } catch (error) {
      const kept = await this.kept(open, request.url)
      if (!kept) throw error
      return kept
    }
  }

  /** In this size, else in another. */
  private async kept(open: Open | null, address: string): Promise<Response | undefined> {
    open?.ledger.seen(address)
    return (await open?.cache.match(address)) ?? (await open?.cache.match(address, { ignoreSearch: true }))
  }

  private keep(open: Open, address: string, answer: Response): Promise<void> {
    if (open.ledger.has(address)) open.ledger.seen(address)
    else this.batch.push({ open, address, picture: answer.clone() })
    this.writing ??= this.write()
    return this.writing
  }

  private async write(): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, this.togetherMs))
    this.writing = null
    const batch = this.batch
    this.batch = []
    const touched = new Set<Open>()
    for (const { open, address, picture } of batch) {
      try {
        if (await this.put(open, address, picture)) touched.add(open)
      } catch {
        // The disk is full, or the page that asked is gone and its answer with it: this one is not kept.
      }
    }
    for (const { cache, ledger } of touched) {
      // Without the list the next worker throws these pictures away, which is all that a full disk costs.
      await cache.put(this.list, Response.json(ledger.entries())).catch(() => undefined)
    }
  }

  private async put({ cache, ledger }: Open, address: string, picture: Response): Promise<boolean> {
    const bytes = await picture.blob()
    if (bytes.size > MOST_BYTES_EACH) return false
    await cache.put(address, new Response(bytes, { headers: { 'Content-Type': bytes.type } }))
    for (const leaving of ledger.add(address, bytes.size)) await cache.delete(leaving)
    return true
  }

  /** Null: nobody is here, or the browser's store is broken; pictures then come as if there were no worker. */
  private async opened(): Promise<Open | null> {
    try {
      return await this.locks.request(PERSON_LOCK, { mode: 'shared' }, async () => {
        const name = (await this.stores.keys()).find(each => personOf(each, PICTURES) !== null)
        if (name === undefined) return null
        const cache = await this.stores.open(name)
        return { cache, ledger: await this.read(cache) }
      })
    } catch {
      return null
    }
  }

  /** What list and cache agree on; a worker that was ended between two writes leaves pictures that no list has. */
  private async read(cache: Cache): Promise<Ledger> {
    const listed: Entry[] = (await (await cache.match(this.list))?.json()) ?? []
    const kept = new Set((await cache.keys()).map(request => request.url))
    const ledger = new Ledger(
      this.bounds,
      listed.filter(([address]) => kept.has(address)),
    )
    for (const address of kept) {
      if (!ledger.has(address) && address !== this.list) await cache.delete(address)
    }
    return ledger
  }
}
