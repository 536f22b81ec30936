// Fields of answers that an API may or may not send yet: the page uses them where they are and does without where not.

/** What a model's row says beyond its description. */
export interface ModelMore {
  /** A few words each, for chips. */
  good_at?: readonly string[]
  samplers?: readonly { name: string; schedules: readonly string[] }[]
  load?: { is_loaded: boolean; seconds: number | null }
}

/** What a picture file says of how it was made. */
export interface FileSettings {
  /** null: nothing that any program is known to write. */
  program: string | null
  request: Record<string, unknown>
  left_out: readonly { field: string; reason: string }[]
}
