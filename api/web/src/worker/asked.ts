// What a request is to the service worker; most are none of its business and go on as if it were not there. Pure.

export type Asked =
  /** An address of the page itself: it gets the index. */
  | 'screen'
  /** A file of the page. */
  | 'part'
  /** A picture that is to be shown, or a smaller one that is fetched. */
  | 'picture'
  /** Pictures that another program shares to the page. */
  | 'share'
  | 'else'

const PICTURE = /^\/v1\/images\/[^/]+$/

/** `base`: where the page lies, with both slashes. */
export function askedOf(
  request: Pick<Request, 'destination' | 'method' | 'mode' | 'url'>,
  origin: string,
  base: string,
): Asked {
  const { origin: of, pathname, searchParams } = new URL(request.url)
  if (of !== origin) return 'else'
  if (request.method === 'POST') return pathname === `${base}share` ? 'share' : 'else'
  if (request.method !== 'GET') return 'else'
  if (PICTURE.test(pathname)) return request.destination === 'image' || searchParams.has('width') ? 'picture' : 'else'
  if (!pathname.startsWith(base)) return 'else'
  if (isFile(pathname.slice(base.length))) return 'part'
  return request.mode === 'navigate' ? 'screen' : 'else'
}

/** As the server tells files from screens: by a folder of its own, or by an ending. */
function isFile(path: string): boolean {
  return path.startsWith('assets/') || /\.[a-z0-9]{2,12}$/.test(path)
}
