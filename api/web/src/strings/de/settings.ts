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
  device: 'Auf diesem Gerät',
  installText:
    'Installiert öffnet sich die Seite wie ein Programm, nimmt Bilder an, die andere Programme teilen, und zeigt ohne Leitung, was sie hat.',
  install: 'Installieren',
  installByMenu: 'Zum Installieren hilft das Menü des Browsers („Installieren“ oder „Zum Startbildschirm“).',
  offlineReady: kept =>
    `Für die Zeit ohne Leitung aufgehoben: die Seite, Getipptes, zuletzt gesehene Bilder (zusammen ${kept}).`,
  offlineStarting: 'Die Seite wird für die Zeit ohne Leitung aufgehoben …',
  offlineNone: 'Dieser Browser hebt keine Seiten für die Zeit ohne Leitung auf (privates Fenster, oder abgeschaltet).',
  insecure:
    'Installieren, Teilen mit dieser Seite und die Zeit ohne Leitung sind aus: Browser erlauben sie nur über HTTPS, und diese Seite kam über einfaches http. Wer das Rack betreibt, kann HTTPS einschalten (`darkroom up --tls-cert … --tls-key …` oder ein Proxy).',
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
