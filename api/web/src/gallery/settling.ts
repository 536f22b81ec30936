// Tiles whose pictures are being described: their rows are asked again until they are. The pause doubles while nothing
// changes, so that pictures which wait for an analyst that is not there cost next to nothing.
import { useEffect } from 'react'
import { rowStore } from './rows'

const FIRST_MS = 4000
const LAST_MS = 120_000

/** Pause until the next look, after one that found something new or did not. Pure. */
export function pauseAfter(pauseMs: number, hasChanged: boolean): number {
  return hasChanged ? FIRST_MS : Math.min(LAST_MS, pauseMs * 2)
}

/** Mounted where tiles are shown; one timer for all of them. */
export function useSettling(): void {
  useEffect(() => {
    let pauseMs = FIRST_MS
    let isOver = false
    let timer = setTimeout(look, pauseMs)
    async function look() {
      const before = rowStore.unsettled()
      if (before.length > 0 && !document.hidden) {
        // An API that is away is asked again with everything else.
        await rowStore.again(before.map(row => row.id)).catch(() => undefined)
        pauseMs = pauseAfter(
          pauseMs,
          before.some(row => rowStore.peek(row.id)?.analysis !== row.analysis),
        )
      } else pauseMs = FIRST_MS
      if (!isOver) timer = setTimeout(look, pauseMs)
    }
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [])
}
