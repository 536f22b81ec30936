// A card's last hour: use, temperature and power as lines. Its library is loaded when somebody opens a chart.
import 'uplot/dist/uPlot.min.css'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { useWords } from '~/strings'
import { type Series, seriesOf } from './asks'

const LINES = ['utilisation_percent', 'temperature_c', 'power_w'] as const
const COLOURS = ['--accent', '--bad', '--good'] as const
const HEIGHT_PX = 150

/** Points as columns, in the order of `LINES`; seconds first. Pure. */
export function columnsOf(series: Series): (number | null)[][] {
  return [columnOf(series, 'at_ms').map(ms => (ms ?? 0) / 1000), ...LINES.map(name => columnOf(series, name))]
}

function columnOf({ fields, points }: Series, name: string): (number | null)[] {
  const at = fields.indexOf(name)
  return points.map(point => point[at] ?? null)
}

export default function Chart({ worker }: { worker: string }) {
  const words = useWords().rack
  const { data } = useQuery(seriesOf(worker))
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const isDrawn = Boolean(data && data.points.length > 1)
  // biome-ignore lint/correctness/useExhaustiveDependencies: new points go into the plot that is there
  useEffect(() => {
    const element = box.current
    if (!element || !isDrawn || !data) return
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string) => style.getPropertyValue(name).trim()
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } }
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT_PX,
        scales: { y: { range: (_, __, most) => [0, Math.max(100, most ?? 0)] } },
        axes: [axis, { ...axis, size: 38 }],
        series: [
          {},
          ...LINES.map((name, at) => ({
            label: words.series[name] ?? name,
            stroke: colour(COLOURS[at] ?? '--ink'),
            width: 1.5,
            spanGaps: false,
          })),
        ],
      },
      columnsOf(data) as uPlot.AlignedData,
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [isDrawn])
  useEffect(() => {
    if (data && plot.current) plot.current.setData(columnsOf(data) as uPlot.AlignedData)
  }, [data])
  if (!isDrawn) return <p className="label py-2">{words.noSeries}</p>
  return <div ref={box} className="mt-2 min-w-0 text-xs" />
}
