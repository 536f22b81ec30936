// What the navigation offers, in this order; keys 1 … 6 follow it outside grids.
import { type LucideIcon, Settings, Sparkles } from 'lucide-react'
import type { Words } from '~/strings'
import { to } from './router'

interface Place {
  path: string
  name: keyof Omit<Words['shell']['nav'], 'label'>
  Icon: LucideIcon
}

export const PLACES: readonly Place[] = [
  { path: to.studio(), name: 'studio', Icon: Sparkles },
  { path: to.settings(), name: 'settings', Icon: Settings },
]
