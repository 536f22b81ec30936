// How the service worker is built: one file of its own beside the page's, after the page. Its address never changes.
import { defineConfig } from 'vite'
import { shellFiles } from './build/shell.ts'

export default defineConfig({
  base: '/ui/',
  publicDir: false,
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  plugins: [shellFiles()],
  build: {
    target: 'es2022',
    emptyOutDir: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: 'src/worker/sw.ts',
      output: { format: 'iife', entryFileNames: 'sw.js' },
    },
  },
})
