// What can wait until the page has nothing better to do.
import { answers, lost, untilItAnswers } from '~/api/away'

/** When the page is idle, and after so long at the latest. A part of the page that cannot be fetched just now is fetched
 * when the API is back. */
export function whenIdle(deed: () => Promise<unknown>, latestMs = 3000): void {
  const begin = () => void deed().catch(() => againOnceItAnswers(deed))
  if ('requestIdleCallback' in window) window.requestIdleCallback(begin, { timeout: latestMs })
  else setTimeout(begin, latestMs)
}

async function againOnceItAnswers(deed: () => Promise<unknown>): Promise<void> {
  if (!(await answers())) lost()
  await untilItAnswers()
  await deed().catch(() => undefined) // it is no part of what is on the screen; the next page tries it again
}
