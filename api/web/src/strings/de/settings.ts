import type { Words } from '../words'

export const settings: Words['settings'] = {
  title: 'Einstellungen',
  look: 'Aussehen',
  language: 'Sprache',
  keys: 'Tasten',
  person: 'Du',
  open: 'Dieses Rack verlangt keine Schlüssel: Wer es erreicht, ist drin.',
  role: role => `Rolle: ${role}`,
  browsers: 'Browser, in denen du angemeldet bist',
  thisOne: 'dieser',
  since: when => `seit ${when}`,
  end: 'Beenden',
  signOutText:
    'Das Abmelden löscht auch, was dieser Browser für dich aufhob: Entwürfe, letzte Bilder, die Warteschlange zum Hochladen.',
}
