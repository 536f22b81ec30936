import { expect, test } from 'vitest'
import { told } from '~/parts/Trouble'
import { en } from '~/strings/words'
import { pauseMs } from './away'
import { ApiAway, errorOf } from './errors'
import { isWorthAnotherTry } from './queries'

const FULL = { error: { code: 'queue_full', message: 'the queue has 100 of 100 jobs', retryable: true } }

test("an error says the API's own sentence, and when to try again", () => {
  expect(told(errorOf(503, FULL, '5'), en)).toBe('The queue has 100 of 100 jobs Try again in 5 s.')
})

test('an answer that is none of ours still has words', () => {
  const error = errorOf(500, '<html>', null)

  expect(error.code).toBe('http_500')
  expect(told(error, en)).toBe('The server answered 500')
})

test('a refusal is not asked again, a full queue twice, an API that is away not at all', () => {
  const refused = errorOf(422, { error: { code: 'invalid_request', message: 'no' } }, null)

  expect(isWorthAnotherTry(0, refused)).toBe(false)
  expect(isWorthAnotherTry(1, errorOf(503, FULL, '5'))).toBe(true)
  expect(isWorthAnotherTry(2, errorOf(503, FULL, '5'))).toBe(false)
  expect(isWorthAnotherTry(0, new ApiAway())).toBe(false)
})

test('looks for an API that is away less and less often, never less than every ten seconds', () => {
  expect(pauseMs(0)).toBe(1000)
  expect(pauseMs(3)).toBeGreaterThan(pauseMs(2))
  expect(pauseMs(50)).toBe(10_000)
})
