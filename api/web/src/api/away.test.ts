import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { lost, untilItAnswers, useConnection } from './away'

let isThere = false

beforeEach(() => {
  isThere = false
  useConnection.setState({ awaySinceMs: null })
  vi.stubGlobal('fetch', async () => {
    if (!isThere) throw new TypeError('no line')
    return new Response('ok')
  })
})

afterEach(() => vi.unstubAllGlobals())

test('whoever waits for the API goes on when it answers, at once when the device has a line again', async () => {
  lost()
  const waited = untilItAnswers()
  isThere = true

  window.dispatchEvent(new Event('online'))
  await waited

  expect(useConnection.getState().awaySinceMs).toBeNull()
})

test('while the API answers nobody waits', async () => {
  await untilItAnswers()
})

test('whoever stops waiting is let go while the API is away', async () => {
  useConnection.setState({ awaySinceMs: 1 })
  const halt = new AbortController()
  const waited = untilItAnswers(halt.signal)

  halt.abort()

  await waited
  expect(useConnection.getState().awaySinceMs).toBe(1)
})

test('a device without a line is no sign that a rack on this machine is away', async () => {
  isThere = true
  window.dispatchEvent(new Event('offline'))
  expect(useConnection.getState().isOffline).toBe(true)
  await vi.waitFor(() => expect(useConnection.getState().awaySinceMs).toBeNull())

  isThere = false
  window.dispatchEvent(new Event('offline'))
  await vi.waitFor(() => expect(useConnection.getState().awaySinceMs).not.toBeNull())

  isThere = true
  window.dispatchEvent(new Event('online'))
  await vi.waitFor(() => expect(useConnection.getState()).toMatchObject({ awaySinceMs: null, isOffline: false }))
})
