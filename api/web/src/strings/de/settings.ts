import type { Words } from '../words'

export const settings: Words['settings'] = {
  title: 'Einstellungen',
  look: 'Aussehen',
  language: 'Sprache',
  pictures: {
    title: 'Bilder',
    blur: 'Unscharf zeigen, was nicht jugendfrei ist',
    from: 'Unscharf ist',
    cares: { careful: 'was es sein könnte', usual: 'was es wohl ist', sure: 'nur was es sicher ist' },
    blurText: 'Das Rack bewertet, was es beschreibt. Ein Knopf auf dem Bild, oder V, zeigt es.',
    advances: 'Nach dem Bewerten per Taste zum nächsten Bild',
  },
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
