// Where the page begins.
import './look.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { beginAnewWithOthers } from './keep/person'
import { App } from './shell/App'
import { startWorker } from './shell/worker'

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  )
}
beginAnewWithOthers(() => location.reload())
startWorker()
