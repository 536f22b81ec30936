// The page's side of its service worker: it is registered when the page is idle, a new version is offered and never forced,
// and the browser's own way to install the page is caught for the Settings.
//
// Browsers give all of this to secure contexts only (HTTPS, or this machine itself); elsewhere the page works without, and
// the Settings say why.
import { create } from 'zustand'
import { useConnection } from '~/api/away'
import { words } from '~/strings'
import { whenIdle } from './idle'
import { dismiss, toast } from './toasts'

/** Chromium's; in no standard yet. */
interface InstallEvent extends Event {
  prompt(): Promise<void>
}

export type WorkerState =
  /** Plain http: browsers keep nothing there. */
  | 'insecure'
  /** This browser has none, or keeps nothing (private windows). */
  | 'none'
  | 'starting'
  | 'ready'

interface Installing {
  worker: WorkerState
  /** Asks the browser to install the page; null: it offers nothing to ask for (or has it installed). */
  install: (() => void) | null
}

export const useInstalling = create<Installing>(() => ({ worker: 'starting', install: null }))

/** How often an open page looks for a new version by itself. */
const LOOKS_MS = 60 * 60 * 1000

let offered = 0
let hasAsked = false

/** Once, at the start of the page. */
export function startWorker(): void {
  // A file of the page is gone: the server was upgraded under a page that no worker keeps whole.
  window.addEventListener('vite:preloadError', () => offer(() => location.reload()))
  window.addEventListener('beforeinstallprompt', event => {
    event.preventDefault()
    useInstalling.setState({ install: () => void (event as InstallEvent).prompt() })
  })
  window.addEventListener('appinstalled', () => useInstalling.setState({ install: null }))
  if (!window.isSecureContext) useInstalling.setState({ worker: 'insecure' })
  else if (!('serviceWorker' in navigator)) useInstalling.setState({ worker: 'none' })
  else if (import.meta.env.PROD) whenIdle(register)
}

async function register(): Promise<void> {
  const { serviceWorker } = navigator
  const hadOne = serviceWorker.controller !== null
  let isFirst = !hadOne
  serviceWorker.addEventListener('controllerchange', () => {
    if (isFirst) isFirst = false
    else if (hasAsked || document.hidden) location.reload()
    else offer(() => location.reload()) // another tab took the new version: the files of this one are gone
  })
  try {
    const registration = await serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`)
    follow(registration)
    void serviceWorker.ready.then(() => useInstalling.setState({ worker: 'ready' }))
  } catch {
    useInstalling.setState({ worker: 'none' })
  }
}

function follow(registration: ServiceWorkerRegistration): void {
  const look = () => {
    const next = registration.waiting
    // Without one that serves this page, the waiting one is the first: nothing of an older version is open.
    if (next && navigator.serviceWorker.controller) offer(() => takeOver(registration.waiting ?? next))
  }
  registration.addEventListener('updatefound', () => {
    registration.installing?.addEventListener('statechange', look)
  })
  look()
  const update = () => void registration.update().catch(() => undefined) // asked again at the next occasion
  setInterval(update, LOOKS_MS)
  // Whoever upgrades a server restarts it.
  useConnection.subscribe(({ returns }, was) => returns !== was.returns && update())
}

function takeOver(next: ServiceWorker): void {
  hasAsked = true
  next.postMessage('take over')
}

function offer(run: () => void): void {
  const { text, reload } = words().shell.update
  dismiss(offered)
  offered = toast(text, { action: { label: reload, run }, stays: true })
}
