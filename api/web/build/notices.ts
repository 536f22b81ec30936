// `THIRD-PARTY.txt`: whose work is in the page and under which licence, from what was really bundled. A licence outside
// the list ends the build.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const ALLOWED = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', '0BSD'])
/** Its base styles are in the page's own; no module of it is. */
const IN_STYLES = ['node_modules/tailwindcss']
const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i
const RULE = '-'.repeat(78)

export function notices(): Plugin {
  return {
    name: 'notices',
    generateBundle(_, bundle) {
      const roots = new Set(IN_STYLES)
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        for (const id of chunk.moduleIds) {
          const root = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ''))?.[0]
          if (root) roots.add(root)
        }
      }
      const parts = [...new Set([...roots].map(noticeOf))].sort()
      const source = `Darkroom's page contains the work of others:\n\n${parts.join('\n')}`
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY.txt', source })
    },
  }
}

function noticeOf(root: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (!ALLOWED.has(license)) throw new Error(`${name} ${version} is under ${license}: only ${[...ALLOWED]} may ship`)
  const file = readdirSync(root)
    .sort()
    .find(one => LICENCE_FILE.test(one))
  const text = file ? readFileSync(join(root, file), 'utf8').replaceAll('\r\n', '\n').trim() : `Licence: ${license}`
  return `${RULE}\n${name} ${version} (${license})\n${RULE}\n${text}\n`
}
