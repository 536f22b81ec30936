// A picture that is dragged within the page: which one, and what is needed to begin another one from it.
export interface Dragged {
  /** Of the library; null: one that only a job knows. */
  asset: string | null
  picture: string
  width: number
  height: number
}

const TYPE = 'application/x-darkroom-picture'

export function putPicture(data: DataTransfer, picture: Dragged): void {
  const { asset, picture: id, width, height } = picture
  data.setData(TYPE, JSON.stringify({ asset, picture: id, width, height }))
}

/** Whether it is a picture of this page; what it is can only be read when it is let go. */
export function isPictureDrag(data: DataTransfer | null): boolean {
  return data?.types.includes(TYPE) ?? false
}

/** The picture that was let go; null: it is something else, or of another program that says otherwise. */
export function pictureIn(data: DataTransfer | null): Dragged | null {
  try {
    const said: unknown = JSON.parse(data?.getData(TYPE) || 'null')
    return isDragged(said) ? said : null
  } catch {
    return null
  }
}

function isDragged(said: unknown): said is Dragged {
  if (typeof said !== 'object' || said === null) return false
  const { asset, picture, width, height } = said as Record<string, unknown>
  const isNamed = (asset === null || typeof asset === 'string') && typeof picture === 'string'
  return isNamed && typeof width === 'number' && typeof height === 'number'
}
