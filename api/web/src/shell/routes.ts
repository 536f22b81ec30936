// Which screen stands at which address. Each is a chunk of its own, loaded when it is first opened; only the Studio is
// in the first load, because it is what a first visit shows. A new screen is one line here, and one in `nav.ts`.
import { type ComponentType, lazy } from 'react'
import { StudioScreen } from '~/studio/StudioScreen'
import { match } from './router'

export interface ScreenProps {
  /** Values of the `:names` of its pattern. */
  params: Record<string, string>
}

interface Route {
  pattern: string
  Screen: ComponentType<ScreenProps>
}

export const ROUTES: readonly Route[] = [
  { pattern: '/', Screen: StudioScreen },
  { pattern: '/gallery', Screen: lazy(() => import('~/gallery/GalleryScreen')) },
  { pattern: '/trash', Screen: lazy(() => import('~/gallery/TrashScreen')) },
  { pattern: '/albums', Screen: lazy(() => import('~/gallery/AlbumsScreen')) },
  { pattern: '/albums/:id', Screen: lazy(() => import('~/gallery/AlbumScreen')) },
  { pattern: '/duplicates', Screen: lazy(() => import('~/gallery/DuplicatesScreen')) },
  { pattern: '/picture/:id', Screen: lazy(() => import('~/viewer/ViewerScreen')) },
  { pattern: '/rack', Screen: lazy(() => import('~/rack/RackScreen')) },
  { pattern: '/settings', Screen: lazy(() => import('~/settings/SettingsScreen')) },
]

/** The screen at this path; null: there is none. */
export function routeOf(path: string): (Route & ScreenProps) | null {
  for (const route of ROUTES) {
    const params = match(route.pattern, path)
    if (params) return { ...route, params }
  }
  return null
}
