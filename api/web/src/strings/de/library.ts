import type { Words } from '../words'

export const library: Words['library'] = {
  sent: (action, text, exact) => `${action}: ${text} ${exact === 1 ? 'Bild ist' : 'Bilder sind'} unterwegs`,
  looking: (text, exact) => `${text} ${exact === 1 ? 'Bild wird' : 'Bilder werden'} beschrieben`,
}
