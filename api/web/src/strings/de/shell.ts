import type { Words } from '../words'

export const shell: Words['shell'] = {
  name: 'Darkroom',
  skip: 'Zum Inhalt',
  nav: {
    label: 'Ansichten',
    studio: 'Studio',
    gallery: 'Galerie',
    albums: 'Alben',
    trash: 'Papierkorb',
    duplicates: 'Doppelte',
    rack: 'Rack',
    settings: 'Einstellungen',
  },
  away: {
    title: 'Das Rack antwortet nicht.',
    text: 'Getipptes bleibt, Aufträge laufen von selbst weiter. Es wird wieder nachgesehen …',
    back: 'Das Rack ist wieder da',
  },
  offline: {
    title: 'Es gibt keine Leitung.',
    text: 'Du siehst, was dieser Browser aufhob: letzte Bilder und was du getippt hast. Hochzuladendes wartet auf die Leitung.',
  },
  update: { text: 'Eine neue Version dieser Seite ist da.', reload: 'Neu laden' },
  share: {
    taken: (text, exact) =>
      `${text} ${exact === 1 ? 'geteiltes Bild wartet' : 'geteilte Bilder warten'} unten: hochladen oder abbrechen.`,
    left: (text, exact) => `${text} ${exact === 1 ? 'Datei war kein Bild' : 'Dateien waren keine Bilder'}.`,
    none: 'Im Geteilten war kein Bild.',
    signin: 'Niemand war angemeldet, deshalb wurde nichts Geteiltes behalten. Teile es jetzt noch einmal.',
    full: 'Dieser Browser hat keinen Platz für das Geteilte. Lade es über die Galerie hoch.',
    unavailable:
      'Teilen geht nur über eine sichere Verbindung, in einem Browser, der diese Seite offline behält. Lade es über die Galerie hoch.',
  },
  signIn: {
    title: 'Herein',
    text: 'Diese Dunkelkammer ist abgeschlossen. Dein Schlüssel öffnet sie: Wer das Rack betreibt, hat ihn für dich.',
    key: 'Schlüssel',
    hint: 'Der Browser behält ein Cookie, das Skripte nicht lesen können, nie den Schlüssel selbst.',
    go: 'Öffnen',
    wrong: 'Dieser Schlüssel öffnet hier nichts. Ist er vollständig kopiert?',
  },
  signOut: 'Abmelden',
  signedInAs: person => `Angemeldet als ${person}`,
  shortcuts: {
    title: 'Tasten',
    open: 'Alle Tasten zeigen',
    letters: 'Einzelne Buchstaben wirken als Tasten',
    everywhere: 'Überall',
  },
  toasts: { label: 'Neues', dismiss: 'Weglegen' },
  error: {
    title: 'Dieser Teil der Seite ist kaputtgegangen',
    text: 'Getipptes bleibt erhalten. Versuch es noch einmal oder geh zu einer anderen Ansicht.',
    again: 'Noch einmal',
    reload: 'Seite neu laden',
    unknown: 'Etwas ging schief',
    away: 'Das Rack antwortet nicht. Die Seite sieht von selbst wieder nach.',
    retryAfter: seconds => `In ${seconds} s noch einmal versuchen.`,
  },
  missing: {
    title: 'An dieser Adresse ist nichts',
    text: 'Das Bild ist vielleicht fort, oder der Link ist abgeschnitten.',
    go: 'Zum Studio',
  },
  loading: 'Lädt …',
  cancel: 'Abbrechen',
  close: 'Schließen',
  theme: 'Farben',
  themes: { system: 'Wie das Gerät', dark: 'Dunkel', light: 'Hell' },
}
