/** When the page has nothing better to do, and after so long at the latest. */
export function whenIdle(deed: () => void, latestMs = 3000): void {
  if ('requestIdleCallback' in window) window.requestIdleCallback(deed, { timeout: latestMs })
  else setTimeout(deed, latestMs)
}
