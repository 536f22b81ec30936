// What the service worker keeps: every file of the built page with the hash of its bytes, as a module of its own. It reads
// the folder that the page was built into, so the worker is built after the page.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const MODULE = 'virtual:shell'
/** Compressed copies, what only tests and people read, and the worker itself. */
const NOT_KEPT = /\.(br|gz)$|^(manifest\.json|sources\.sha256|THIRD-PARTY\.txt|sw\.js)$/

export function shellFiles(): Plugin {
  let folder = ''
  return {
    name: 'shell-files',
    configResolved: config => {
      folder = join(config.root, config.build.outDir)
    },
    resolveId: id => (id === MODULE ? `\0${MODULE}` : undefined),
    load(id) {
      if (id !== `\0${MODULE}`) return
      const names = readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry =>
          join(entry.parentPath, entry.name)
            .slice(folder.length + 1)
            .replaceAll('\\', '/'),
        )
        .filter(name => !NOT_KEPT.test(name))
        .sort()
      const files = names.map(path => ({ path, sha256: hashOf(readFileSync(join(folder, path))) }))
      const revision = hashOf(JSON.stringify(files)).slice(0, 16)
      return `export const REVISION = ${JSON.stringify(revision)}\nexport const FILES = ${JSON.stringify(files)}\n`
    },
  }
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
