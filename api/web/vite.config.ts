// How the page is built. Served below /ui/ by the API; `npm run dev` passes /v1 on to a stack on :2020.
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { notices } from './build/notices'

const STACK = 'http://127.0.0.1:2020'

export default defineConfig({
  base: '/ui/',
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  plugins: [react(), tailwindcss(), notices()],
  build: {
    target: 'es2022',
    // Nothing inline: the page's content security policy allows files of its own only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 600,
    manifest: 'manifest.json',
  },
  server: { proxy: { '/v1': STACK, '/openapi.json': STACK, '/healthz': STACK } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'], setupFiles: ['src/testing.ts'] },
})
