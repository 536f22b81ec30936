// Where a picture comes from and what became of it, as columns of little pictures with lines between them.
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { rowStore } from '~/gallery/rows'
import { useWords } from '~/strings'
import { type Asset, lineageOf } from './asset'
import { familyOf } from './layers'
import { Thumb } from './Strip'

const CELL_PX = 56
const ACROSS_PX = 88
const DOWN_PX = 66

export function LineageTree({ asset, onOpen }: { asset: Asset; onOpen: (id: string) => void }) {
  const words = useWords().viewer.lineage
  const { data } = useQuery(lineageOf(asset.id))
  useEffect(() => {
    if (data) rowStore.put([...data.ancestors, ...data.descendants])
  }, [data])
  if (!data) return null
  const order = [...data.ancestors, ...data.descendants].map(row => row.id)
  const { spots, columns, rows } = familyOf(asset.id, order, data.steps)
  const middle = (id: string) => {
    const spot = spots.find(each => each.id === id)
    return spot && { x: spot.column * ACROSS_PX + CELL_PX / 2, y: spot.row * DOWN_PX + CELL_PX / 2 }
  }
  return (
    <section aria-label={words.title}>
      <h2 className="eyebrow mb-2 font-sans">{words.title}</h2>
      {spots.length === 1 ? (
        <p className="label">{words.none}</p>
      ) : (
        // Drawn from left to right in every language: the lines are.
        <div dir="ltr" className="max-h-80 overflow-auto p-1">
          <div
            className="relative"
            style={{ width: (columns - 1) * ACROSS_PX + CELL_PX, height: (rows - 1) * DOWN_PX + CELL_PX }}
          >
            <svg aria-hidden className="absolute inset-0 size-full overflow-visible">
              {data.steps.map(({ parent, child }) => {
                const [from, to] = [middle(parent), middle(child)]
                if (!from || !to) return null
                const bend = (from.x + to.x) / 2
                return (
                  <path
                    key={parent + child}
                    d={`M${from.x} ${from.y} C${bend} ${from.y} ${bend} ${to.y} ${to.x} ${to.y}`}
                    className="fill-none stroke-edge"
                    strokeWidth={1.5}
                  />
                )
              })}
            </svg>
            <ul>
              {spots.map(({ id, column, row }) => (
                <li key={id} className="absolute" style={{ left: column * ACROSS_PX, top: row * DOWN_PX }}>
                  <Thumb id={id} isCurrent={id === asset.id} onChoose={onOpen} />
                </li>
              ))}
            </ul>
          </div>
        </div>
      )}
      {data.is_cut && <p className="label mt-1">{words.cut}</p>}
    </section>
  )
}
