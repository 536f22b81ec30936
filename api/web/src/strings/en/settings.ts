export const settings = {
  title: 'Settings',
  look: 'Look',
  language: 'Language',
  keys: 'Keys',
  person: 'You',
  open: 'This rack asks for no keys: everybody who reaches it is let in.',
  role: (role: string) => `Role: ${role}`,
  browsers: 'Browsers you are signed in with',
  thisOne: 'this one',
  since: (when: string) => `since ${when}`,
  end: 'End',
  signOutText: 'Signing out also erases what this browser kept for you: drafts, recent pictures, the upload queue.',
}
