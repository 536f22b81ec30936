// The one way to the API: typed by its own description, same origin, with the session's cookie. Anything but a success
// throws: `ApiError` with the API's words, or `ApiAway` where nothing answered.
import createClient from 'openapi-fetch'
import { lost } from './away'
import { ApiAway, errorOf } from './errors'
import type { components, paths } from './schema'

export type Schemas = components['schemas']

/** Answers of a proxy whose server is away. */
const GATEWAY = new Set([502, 504])

export const api = createClient<paths>({ baseUrl: location.origin, fetch: reach, credentials: 'same-origin' })

async function reach(request: Request): Promise<Response> {
  let answer: Response
  try {
    answer = await fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    lost()
    throw new ApiAway()
  }
  if (GATEWAY.has(answer.status)) {
    lost()
    throw new ApiAway()
  }
  if (answer.ok || answer.status === 304) return answer
  if (answer.status === 401) stranger()
  const body: unknown = await answer.json().catch(() => null)
  throw errorOf(answer.status, body, answer.headers.get('Retry-After'))
}

let stranger: () => void = () => undefined

/** What to do when the API does not know who asks: a session was ended, a key revoked. */
export function onStranger(tell: () => void): void {
  stranger = tell
}

/** What a call answered; `reach` has thrown for everything that is no success. */
export async function got<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call
  return data as T
}

/** A key under which a request may be sent again: 96 random bits. `crypto.randomUUID` is not there over plain http. */
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
}
