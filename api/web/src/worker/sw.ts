// The service worker: keeps the page's own files and the smaller pictures that were seen, and takes what is shared.
//
// It stands between the page and the server only where it can help: everything else, the API above all, goes on as if it
// were not there. A new one waits until a person says so (`take over`), because the files of the old one are gone then.
import { FILES, REVISION } from 'virtual:shell'
import { askedOf } from './asked'
import { SeenPictures } from './pictures'
import { taken } from './shared'
import { Shell } from './shell'

declare const self: ServiceWorkerGlobalScope

const BASE = import.meta.env.BASE_URL
const shell = new Shell(caches, BASE, REVISION, FILES)
const pictures = new SeenPictures(caches, navigator.locks, `${self.location.origin}${BASE}kept.json`)

self.addEventListener('install', event => event.waitUntil(shell.install()))

self.addEventListener('activate', event => {
  event.waitUntil(Promise.all([shell.prune(), self.clients.claim()]))
})

self.addEventListener('message', ({ data }) => {
  if (data === 'take over') void self.skipWaiting()
  if (data === 'person') pictures.forget()
})

self.addEventListener('fetch', event => {
  const { request } = event
  switch (askedOf(request, self.location.origin, BASE)) {
    case 'screen':
      return event.respondWith(shell.screen(request))
    case 'part':
      return event.respondWith(shell.part(request))
    case 'picture':
      return event.respondWith(pictures.answer(request, work => event.waitUntil(work)))
    case 'share':
      return event.respondWith(shared(request))
  }
})

async function shared(request: Request): Promise<Response> {
  const address = await taken(request, await pictures.person(), BASE)
  return Response.redirect(new URL(address, self.location.origin), 303)
}
