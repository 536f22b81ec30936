// What can go wrong with a request, in the API's own words: its `error` object, or that nothing answered.

interface ErrorShape {
  code: string
  message: string
  retryable?: boolean
  field?: string | null
}

/** The API refused: `message` is its own sentence, which names field, limit and fix. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly field: string | null
  readonly retryable: boolean
  /** Seconds after which asking again may help; null: it did not say. */
  readonly retryAfterS: number | null

  constructor(status: number, shape: ErrorShape, retryAfterS: number | null = null) {
    super(shape.message)
    this.name = 'ApiError'
    this.status = status
    this.code = shape.code
    this.field = shape.field ?? null
    this.retryable = shape.retryable ?? false
    this.retryAfterS = retryAfterS
  }
}

/** Nothing answered: the API is away, restarting or behind a network that is. */
export class ApiAway extends Error {
  constructor() {
    super('the API does not answer')
    this.name = 'ApiAway'
  }
}

/** The error an answer stands for. Pure. */
export function errorOf(status: number, body: unknown, retryAfter: string | null): ApiError {
  const shape = shapeIn(body) ?? { code: `http_${status}`, message: `the server answered ${status}` }
  const seconds = Number.parseInt(retryAfter ?? '', 10)
  return new ApiError(status, shape, Number.isNaN(seconds) ? null : seconds)
}

function shapeIn(body: unknown): ErrorShape | null {
  const inner = typeof body === 'object' && body !== null ? (body as { error?: unknown }).error : null
  if (typeof inner !== 'object' || inner === null) return null
  const { code, message } = inner as Record<string, unknown>
  return typeof code === 'string' && typeof message === 'string' ? (inner as ErrorShape) : null
}
