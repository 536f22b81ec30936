// Every word of the page, by wing. English is the shape; another language must fill all of it, or the build fails.
import { gallery } from './en/gallery'
import { library } from './en/library'
import { rack } from './en/rack'
import { settings } from './en/settings'
import { shell } from './en/shell'
import { studio } from './en/studio'
import { uploads } from './en/uploads'
import { viewer } from './en/viewer'

export const en = { shell, studio, settings, gallery, library, rack, uploads, viewer }

export type Words = typeof en
