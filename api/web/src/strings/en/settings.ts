export const settings = {
  title: 'Settings',
  look: 'Look',
  language: 'Language',
  pictures: {
    title: 'Pictures',
    blur: 'Blur what is not safe for work',
    from: 'Blur',
    cares: { careful: 'what may be', usual: 'what probably is', sure: 'only what surely is' },
    blurText: 'The rack rates what it describes. A button on the picture, or V, shows it.',
    advances: 'After rating a picture by key, go to the next one',
  },
  keys: 'Keys',
  device: 'On this device',
  installText:
    'Installed, the page opens like a program, takes pictures that other programs share, and shows what it has without a line.',
  install: 'Install',
  installByMenu: 'To install it, use your browser’s menu (“Install” or “Add to home screen”).',
  offlineReady: (kept: string) =>
    `Kept for offline use: the page, what you typed, pictures you saw lately (${kept} in all).`,
  offlineStarting: 'The page is being kept for offline use…',
  offlineNone: 'This browser keeps no pages for offline use (a private window, or it is switched off).',
  insecure:
    'Installing, sharing to this page and offline use are off: browsers allow them only over HTTPS, and this page came over plain http. Whoever runs the rack can switch HTTPS on (`darkroom up --tls-cert … --tls-key …`, or a proxy).',
  person: 'You',
  open: 'This rack asks for no keys: everybody who reaches it is let in.',
  role: (role: string) => `Role: ${role}`,
  browsers: 'Browsers you are signed in with',
  thisOne: 'this one',
  since: (when: string) => `since ${when}`,
  end: 'End',
  signOutText: 'Signing out also erases what this browser kept for you: drafts, recent pictures, the upload queue.',
}
