// An error in words, with a way on: the API's own sentence, and asking again where that can help.
import { ApiAway, ApiError } from '~/api/errors'
import { useWords, type Words } from '~/strings'
import { Button } from './Button'

/** What to tell a person about an error. Pure. */
export function told(error: unknown, words: Words): string {
  if (error instanceof ApiAway) return words.shell.error.away
  if (!(error instanceof ApiError)) return words.shell.error.unknown
  const sentence = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}`
  return error.retryAfterS ? `${sentence} ${words.shell.error.retryAfter(error.retryAfterS)}` : sentence
}

export function Trouble({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const words = useWords()
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-3 rounded-lg border border-bad/50 px-3 py-2 text-sm text-bad"
    >
      <span className="min-w-0 flex-1 break-words">{told(error, words)}</span>
      {onRetry && (
        <Button className="text-ink" onClick={onRetry}>
          {words.shell.error.again}
        </Button>
      )}
    </div>
  )
}
