// Written by `build/shell.ts` from what was built.
declare module 'virtual:shell' {
  export const REVISION: string
  export const FILES: readonly import('./shell').ShellFile[]
}
