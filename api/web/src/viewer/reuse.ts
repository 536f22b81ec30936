// A picture's settings back into the Studio's form: everything, its prompt, its seed, or the picture to begin from.
import { navigate, to } from '~/shell/router'
import { type Draft, openDraft, useDraft } from '~/studio/draft'
import { draftOf } from '~/studio/request'
import type { Asset } from './asset'

export type Part = 'all' | 'prompt' | 'seed' | 'start'

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

export function reuse(asset: Asset, part: Part, person: string): void {
  openDraft(person)
  useDraft.setState(reused(asset, part))
  navigate(to.studio())
}
