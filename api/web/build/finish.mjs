// After the build: text files get compressed siblings (the server picks by what a browser accepts), and `sources.sha256`
// says from which sources `dist` was built, so that a test without Node sees a stale one.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, process.argv[2] ?? 'dist')
const SOURCES = [
  'build/finish.mjs',
  'build/notices.ts',
  'build/shell.ts',
  'index.html',
  'package-lock.json',
  'package.json',
  'public',
  'src',
  'vite.config.ts',
  'vite.worker.config.ts',
]
const TEXT = /\.(css|html|js|json|svg|txt|webmanifest)$/
/** Below this a compressed file saves no packet. */
const LEAST_BYTES = 1024

for (const file of filesIn(DIST)) {
  if (!TEXT.test(file)) continue
  const bytes = readFileSync(file)
  if (bytes.length < LEAST_BYTES) continue
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY }
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: quality }))
}
// Only the test of the first load's size reads it.
rmSync(join(DIST, 'manifest.json.gz'), { force: true })
rmSync(join(DIST, 'manifest.json.br'), { force: true })
writeFileSync(join(DIST, 'sources.sha256'), `${hashOf(SOURCES.flatMap(name => filesIn(join(ROOT, name))))}\n`)

/** Names and contents of files, in the order of their names. Tests and types are no part of what is built. */
function hashOf(files) {
  const sum = createHash('sha256')
  const named = files.map(file => [relative(ROOT, file).split(sep).join('/'), file])
  for (const [name, file] of named.sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (/\.(test\.tsx?|d\.ts)$/.test(name) || name === 'src/testing.ts') continue
    sum.update(name).update('\0').update(readFileSync(file)).update('\0')
  }
  return sum.digest('hex')
}

function filesIn(path) {
  if (statSync(path).isFile()) return [path]
  return readdirSync(path).flatMap(name => filesIn(join(path, name)))
}
