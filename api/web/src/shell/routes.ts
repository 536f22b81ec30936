// Which screen stands at which address. Each is a chunk of its own, loaded when it is first opened; only the Studio is
// in the first load, because it is what a first visit shows. A new screen is one line here, and one in `nav.ts`.
import { type ComponentType, lazy } from 'react'
import { StudioScreen } from '~/studio/StudioScreen'
import { addressNow, match } from './router'

export interface ScreenProps {
  /** Values of the `:names` of its pattern. */
  params: Record<string, string>
}

interface Route {
  pattern: string
  Screen: ComponentType<ScreenProps>
}

type Load = () => Promise<{ default: ComponentType<ScreenProps> }>

const loads = new Map<ComponentType<ScreenProps>, Load>()

function later(load: Load): ComponentType<ScreenProps> {
  const Screen = lazy(load)
  loads.set(Screen, load)
  return Screen
}

export const ROUTES: readonly Route[] = [
  { pattern: '/', Screen: StudioScreen },
  { pattern: '/gallery', Screen: later(() => import('~/gallery/GalleryScreen')) },
  { pattern: '/trash', Screen: later(() => import('~/gallery/TrashScreen')) },
  { pattern: '/albums', Screen: later(() => import('~/gallery/AlbumsScreen')) },
  { pattern: '/albums/:id', Screen: later(() => import('~/gallery/AlbumScreen')) },
  { pattern: '/duplicates', Screen: later(() => import('~/gallery/DuplicatesScreen')) },
  { pattern: '/picture/:id', Screen: later(() => import('~/viewer/ViewerScreen')) },
  { pattern: '/rack', Screen: later(() => import('~/rack/RackScreen')) },
  { pattern: '/settings', Screen: later(() => import('~/settings/SettingsScreen')) },
]

/** The screen at this path; null: there is none. */
export function routeOf(path: string): (Route & ScreenProps) | null {
  for (const route of ROUTES) {
    const params = match(route.pattern, path)
    if (params) return { ...route, params }
  }
  return null
}

// The first screen comes while the page still asks who is here, not after. What goes wrong is said where it is drawn.
const first = routeOf(addressNow().path)
const load = first && loads.get(first.Screen)
load?.().catch(() => undefined)
