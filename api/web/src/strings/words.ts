// Every word of the page, by wing. English is the shape; another language must fill all of it, or the build fails.
import { settings } from './en/settings'
import { shell } from './en/shell'
import { studio } from './en/studio'

export const en = { shell, studio, settings }

export type Words = typeof en
