// What the page says about itself: the API is away (above the screen), news (below it), and what is only spoken.
import { CloudOff, X } from 'lucide-react'
import { useConnection } from '~/api/away'
import { Button } from '~/parts/Button'
import { useWords } from '~/strings'
import { useSpeech } from './speech'
import { dismiss, useToasts } from './toasts'

export function AwayBanner() {
  const { away, offline } = useWords().shell
  const words = useConnection(connection => connection.isOffline) ? offline : away
  const isAway = useConnection(({ awaySinceMs }) => awaySinceMs !== null)
  return (
    <div role="status">
      {isAway && (
        <p className="flex items-center gap-3 bg-accent px-5 py-2 text-sm text-on-accent">
          <CloudOff aria-hidden size={18} className="shrink-0" />
          <span>
            <strong className="font-semibold">{words.title}</strong> {words.text}
          </span>
        </p>
      )}
    </div>
  )
}

const TONES = { plain: 'text-ink', good: 'text-good', bad: 'text-bad' }

export function Toasts() {
  const words = useWords().shell.toasts
  const toasts = useToasts(({ toasts }) => toasts)
  return (
    <section aria-label={words.label} aria-live="polite">
      {toasts.map(({ id, text, tone, action }) => (
        <div key={id} className="flex items-center gap-3 border-t border-line bg-raised px-5 py-1.5 text-sm">
          <span className={`min-w-0 flex-1 break-words ${TONES[tone]}`}>{text}</span>
          {action && (
            <Button
              onClick={() => {
                dismiss(id)
                action.run()
              }}
            >
              {action.label}
            </Button>
          )}
          <Button weight="quiet" aria-label={words.dismiss} onClick={() => dismiss(id)}>
            <X aria-hidden size={16} />
          </Button>
        </div>
      ))}
    </section>
  )
}

export function Speech() {
  const text = useSpeech(({ text }) => text)
  return (
    <p aria-live="polite" className="sr-only">
      {text}
    </p>
  )
}
