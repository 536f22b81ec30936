// What the navigation offers, in this order; the keys Alt+1, Alt+2 … follow it.
import { Album, Copy, Images, type LucideIcon, Server, Settings, Sparkles, Trash2 } from 'lucide-react'
import type { Words } from '~/strings'
import { to } from './router'

interface Place {
  path: string
  name: keyof Omit<Words['shell']['nav'], 'label'>
  Icon: LucideIcon
}

export const PLACES: readonly Place[] = [
  { path: to.studio(), name: 'studio', Icon: Sparkles },
  { path: to.gallery(), name: 'gallery', Icon: Images },
  { path: to.albums(), name: 'albums', Icon: Album },
  { path: to.duplicates(), name: 'duplicates', Icon: Copy },
  { path: to.trash(), name: 'trash', Icon: Trash2 },
  { path: to.rack(), name: 'rack', Icon: Server },
  { path: to.settings(), name: 'settings', Icon: Settings },
]
