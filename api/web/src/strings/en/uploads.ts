export const uploads = {
  label: 'Uploads',
  drop: 'Let go to upload',
  dropText: 'Pictures or whole folders',
  done: (text: string, exact: number) => `${text} ${exact === 1 ? 'picture is' : 'pictures are'} in the library`,
  known: (text: string) => `${text} you had already`,
  progress: (done: string, total: string) => `${done} of ${total}`,
  speed: (text: string) => `${text}/s`,
  left: (text: string) => `${text} left`,
  pause: 'Pause',
  resume: 'Go on',
  cancel: 'Stop',
  retry: 'Try the failed ones again',
  dismiss: 'Put away',
  paused: 'Paused',
  waiting: 'Waits for the line',
  shared: (text: string, exact: number) =>
    `${text} shared ${exact === 1 ? 'picture waits' : 'pictures wait'} for your word`,
  send: 'Upload',
  failed: (text: string, exact: number) => `${text} ${exact === 1 ? 'file' : 'files'} could not be taken`,
  restored: (text: string, exact: number) =>
    `${text} ${exact === 1 ? 'file' : 'files'} of the last time ${exact === 1 ? 'waits' : 'wait'} to be uploaded`,
  none: 'There were no pictures among those files.',
}
