// The files of the page, one cache a revision: all of one build or none of it.
//
// A revision is whole before it serves anything: each file is fetched and its bytes are compared with what the build wrote
// into the worker, so a server that is upgraded meanwhile makes the installation fail, and the browser tries again later
// with the new worker. From then on the index and all its files come from this cache, whatever the server has by now; the
// new revision is installed beside it and takes over when a person says so. Should a file be missing after all (somebody
// emptied the cache in part), the revision is thrown away and the next visit gets the server's.
import { SHELL } from '~/keep/names'

export interface ShellFile {
  /** Below the page's base. */
  path: string
  /** Hexadecimal. */
  sha256: string
}

const INDEX = 'index.html'
/** Named by their content: the browser's own cache may answer. */
const FOR_EVER = 'assets/'

export class Shell {
  private readonly name: string
  private readonly addresses: Set<string>

  constructor(
    private readonly stores: CacheStorage,
    private readonly base: string,
    revision: string,
    private readonly files: readonly ShellFile[],
    /** Not `fetch` itself, which wants to be called on nothing. */
    private readonly get: typeof fetch = (...asked) => fetch(...asked),
  ) {
    this.name = SHELL + revision
    this.addresses = new Set(files.map(file => base + file.path))
  }

  /** Fetch every file, one after the other: the page that is open needs the line more.
   *
   * @throws Error one is missing or is of another build; nothing of this revision stays. */
  async install(): Promise<void> {
    const cache = await this.stores.open(this.name)
    try {
      for (const file of this.files) await cache.put(this.base + file.path, await this.fetched(file))
    } catch (error) {
      await this.stores.delete(this.name)
      throw error
    }
  }

  /** The caches of other revisions go. */
  async prune(): Promise<void> {
    const names = await this.stores.keys()
    await Promise.all(
      names.filter(name => name.startsWith(SHELL) && name !== this.name).map(name => this.stores.delete(name)),
    )
  }

  async screen(request: Request): Promise<Response> {
    // The page's index, and under another name the address that was asked for: the page reads that from the browser.
    return (await this.kept(this.base + INDEX)) ?? (await this.get(request))
  }

  async part(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const kept = this.addresses.has(pathname) ? await this.kept(pathname) : undefined
    if (kept) return kept
    const answer = await this.get(request)
    if (answer.status === 404 && this.addresses.has(pathname)) await this.stores.delete(this.name)
    return answer
  }

  private kept(address: string): Promise<Response | undefined> {
    return this.stores.match(address, { cacheName: this.name, ignoreVary: true })
  }

  private async fetched({ path, sha256 }: ShellFile): Promise<Response> {
    const kept = path.startsWith(FOR_EVER) ? await this.get(this.base + path) : null
    if (kept?.ok && (await hashOf(kept)) === sha256) return kept
    const answer = await this.get(this.base + path, { cache: 'reload' })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    if ((await hashOf(answer)) !== sha256) throw new Error(`${path} is of another build`)
    return answer
  }
}

async function hashOf(answer: Response): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await answer.clone().arrayBuffer())
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
}
