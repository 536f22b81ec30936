// What cards hold and what waits for them. A card's memory as a bar: who holds how much of it, in MiB, as `darkroom plan` draws it. Pure.
import type { Schemas } from '~/api/client'

type Worker = Pick<Schemas['WorkerStatus'], 'resident' | 'held_mib' | 'gpu'>

export interface Part {
  kind: 'model' | 'work' | 'others' | 'free'
  /** A model's name; empty for the rest. */
  name: string
  mib: number
  /** Of the whole card, 0..1. */
  share: number
}

/** Models first, then what the worker holds besides them, what others hold, and what is free. They make up the card. */
export function partsOf({ resident, held_mib: held, gpu }: Worker): Part[] {
  const models = resident.map(each => ({ kind: 'model' as const, name: each.model, mib: Math.max(0, each.held_mib) }))
  const ofModels = models.reduce((sum, each) => sum + each.mib, 0)
  const work = Math.max(0, held - ofModels)
  const used = gpu.used_mib ?? ofModels + work
  const others = Math.max(0, used - ofModels - work)
  const total = Math.max(gpu.total_mib, ofModels + work + others)
  const free = total - ofModels - work - others
  const parts: Omit<Part, 'share'>[] = [
    ...models,
    { kind: 'work', name: '', mib: work },
    { kind: 'others', name: '', mib: others },
    { kind: 'free', name: '', mib: free },
  ]
  return parts.filter(each => each.mib > 0).map(each => ({ ...each, share: total > 0 ? each.mib / total : 0 }))
}
