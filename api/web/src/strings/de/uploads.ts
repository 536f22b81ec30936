import type { Words } from '../words'

export const uploads: Words['uploads'] = {
  label: 'Hochladen',
  drop: 'Loslassen zum Hochladen',
  dropText: 'Bilder oder ganze Ordner',
  done: (text, exact) => `${text} ${exact === 1 ? 'Bild ist' : 'Bilder sind'} in der Bibliothek`,
  known: text => `${text} hattest du schon`,
  progress: (done, total) => `${done} von ${total}`,
  speed: text => `${text}/s`,
  left: text => `noch ${text}`,
  pause: 'Anhalten',
  resume: 'Weiter',
  cancel: 'Abbrechen',
  retry: 'Fehlgeschlagene noch einmal',
  dismiss: 'Weglegen',
  paused: 'Angehalten',
  waiting: 'Wartet auf die Leitung',
  shared: (text, exact) => `${text} ${exact === 1 ? 'geteiltes Bild wartet' : 'geteilte Bilder warten'} auf dein Wort`,
  send: 'Hochladen',
  failed: (text, exact) => `${text} ${exact === 1 ? 'Datei' : 'Dateien'} nicht angenommen`,
  restored: (text, exact) => `${text} ${exact === 1 ? 'Datei wartet' : 'Dateien warten'} noch vom letzten Mal`,
  none: 'Unter diesen Dateien waren keine Bilder.',
}
