// Whether somebody is at the page: a hand moved within the last minute. An idle tab asks the API seldom; who comes back to it
// sees everything as it is now.
const STAYS_MS = 60_000
const SIGNS = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchmove'] as const

let lastMs = Number.NEGATIVE_INFINITY
const listeners = new Set<() => void>()

for (const sign of SIGNS) window.addEventListener(sign, seen, { passive: true, capture: true })

export function isHere(): boolean {
  return performance.now() - lastMs < STAYS_MS
}

/** Told when somebody comes who was not here. */
export function onComing(tell: () => void): void {
  listeners.add(tell)
}

function seen(): void {
  const wasHere = isHere()
  lastMs = performance.now()
  if (!wasHere) for (const tell of listeners) tell()
}
