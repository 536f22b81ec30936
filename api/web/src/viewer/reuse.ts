// A picture's settings back into the Studio's form: everything, its prompt, its seed, or the picture to begin from.
import { navigate, to } from '~/shell/router'
import { useSession } from '~/shell/session'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { type Draft, openDraft, useDraft } from '~/studio/draft'
import { draftOf } from '~/studio/request'
import type { Asset } from './asset'

const PARTS = ['all', 'prompt', 'seed', 'start'] as const
export type Part = (typeof PARTS)[number]

/** What of the form changes. A field the picture does not say is as in an empty form only where all of it is reused. Pure. */
export function reused(asset: Asset, part: Part): Partial<Draft> {
  if (part === 'prompt') return { prompt: asset.prompt, negative: asset.negative_prompt }
  if (part === 'seed') return { seed: asset.seed }
  if (part === 'start') return { start: { id: asset.picture, width: asset.width, height: asset.height } }
  const said = {
    ...asset.params,
    prompt: asset.prompt,
    negative_prompt: asset.negative_prompt,
    width: asset.width,
    height: asset.height,
    seed: asset.seed,
    steps: asset.steps,
    guidance_scale: asset.guidance_scale,
    scheduler: asset.scheduler ?? asset.params.scheduler,
  }
  return draftOf(said, asset.model)
}

/** What of a picture can be used again: what it does not have is not offered. Pure. */
export function partsOf(asset: Pick<Asset, 'seed' | 'prompt'>): Part[] {
  return PARTS.filter(part => part === 'start' || (part === 'seed' ? asset.seed !== null : asset.prompt !== ''))
}

/** A, P, S and R: everything, the prompt, the seed, the picture itself. */
export function useReuseKeys(asset: Asset): void {
  const words = useWords().viewer
  const { person } = useSession()
  const parts = partsOf(asset)
  const keyed = (part: Part) => ({
    label: `${words.reuse.title}: ${words.reuse[part]}`,
    run: () => reuse(asset, part, person),
    more: { group: words.name, isOff: !parts.includes(part) },
  })
  const [all, prompt, seed, start] = [keyed('all'), keyed('prompt'), keyed('seed'), keyed('start')]
  useShortcut('a', all.label, all.run, all.more)
  useShortcut('p', prompt.label, prompt.run, prompt.more)
  useShortcut('s', seed.label, seed.run, seed.more)
  useShortcut('r', start.label, start.run, start.more)
}

export function reuse(asset: Asset, part: Part, person: string): void {
  openDraft(person)
  useDraft.setState(reused(asset, part))
  navigate(to.studio())
}
