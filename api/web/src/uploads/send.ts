// One request with a few files of one album, and how it went.
import type { Schemas } from '~/api/client'
import { errorOf } from '~/api/errors'
import type { Waiting } from './waiting'

/** Answers of a proxy whose server is away. */
const GATEWAY = new Set([502, 504])

export type Answer = Schemas['UploadAnswer']

interface Sending {
  /** Rejected with a `Refusal`. */
  answer: Promise<Answer>
  abort: () => void
}

/** Why a request brought nothing. */
export class Refusal extends Error {
  constructor(
    override readonly cause: unknown,
    readonly isWorthAgain: boolean,
    readonly afterMs: number | null,
    /** Whether nothing answered. */
    readonly isAway = false,
  ) {
    super('refused')
  }
}

/** By XMLHttpRequest, because fetch does not tell how much of a body has gone. */
export function send(some: readonly Waiting[], onSent: (bytes: number) => void): Sending {
  const form = new FormData()
  const album = some[0]?.album
  if (album) form.append('upload', JSON.stringify({ album }))
  for (const { file, path } of some) form.append('files', file, path.split('/').at(-1) ?? file.name)
  const request = new XMLHttpRequest()
  const answer = new Promise<Answer>((resolve, reject) => {
    request.open('POST', '/v1/uploads')
    request.responseType = 'json'
    request.upload.onprogress = event => onSent(event.loaded)
    request.onerror = request.onabort = () => reject(new Refusal(null, true, null, true))
    request.onload = () => {
      if (request.status < 300) return resolve(request.response as Answer)
      const error = errorOf(request.status, request.response, request.getResponseHeader('Retry-After'))
      const isWorthAgain = error.retryable || request.status === 429 || request.status >= 502
      const afterMs = error.retryAfterS === null ? null : error.retryAfterS * 1000
      reject(new Refusal(error, isWorthAgain, afterMs, GATEWAY.has(request.status)))
    }
    request.send(form)
  })
  return { answer, abort: () => request.abort() }
}
