// A picture's family in columns: what it was made from to the left, what was made from it to the right. Pure.

export interface Step {
  parent: string
  child: string
}

export interface Spot {
  id: string
  column: number
  row: number
}

export interface Family {
  spots: Spot[]
  columns: number
  rows: number
}

/** Columns by the steps from `id`; within a column in the order of `order`, the nearest first. */
export function familyOf(id: string, order: readonly string[], steps: readonly Step[]): Family {
  const depth = new Map<string, number>([[id, 0]])
  walk(id, -1, ({ parent, child }, from) => (child === from ? parent : null))
  walk(id, 1, ({ parent, child }, from) => (parent === from ? child : null))

  const first = Math.min(...depth.values())
  const filled: number[] = []
  const spots = [id, ...order]
    .filter((each, at, all) => all.indexOf(each) === at && depth.has(each))
    .map(each => {
      const column = (depth.get(each) ?? 0) - first
      const row = filled[column] ?? 0
      filled[column] = row + 1
      return { id: each, column, row }
    })
  return { spots, columns: filled.length, rows: Math.max(0, ...filled.filter(Boolean)) }

  function walk(start: string, by: 1 | -1, next: (step: Step, from: string) => string | null): void {
    let edge = [start]
    for (let at = by; edge.length > 0; at += by) {
      const found: string[] = []
      for (const from of edge) {
        for (const step of steps) {
          const to = next(step, from)
          if (to === null || depth.has(to)) continue
          depth.set(to, at)
          found.push(to)
        }
      }
      edge = found
    }
  }
}
