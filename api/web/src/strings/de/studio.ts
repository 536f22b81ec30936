import type { Words } from '../words'

export const studio: Words['studio'] = { title: 'Studio' }
