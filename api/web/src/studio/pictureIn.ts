// A picture that was dropped, pasted or chosen: its settings, if it has some (read by the server, which knows every
// program's way of writing them), or itself as the start picture.
import { api, got, type Schemas } from '~/api/client'
import { queryClient } from '~/api/queries'
import type { Dragged } from '~/library/drag'
import { type StartPicture, useDraft } from './draft'
import { draftOf } from './request'

type FileSettings = Schemas['PictureSettings']

/** What a file says of how it was made; null: nothing.
 *
 * @throws ApiError: it is no picture. */
export async function settingsIn(file: Blob): Promise<FileSettings | null> {
  const found = await got(api.POST('/v1/images/metadata', sent(file)))
  return found.program ? found : null
}

/** Put a file's settings into the form; returns the names of those that could not be taken over. */
export function restore(found: FileSettings): string[] {
  useDraft.setState(draftOf(found.request, null), true)
  return found.left_out.map(({ field }) => field)
}

/** Begin from a picture that is stored already. */
export function beginWith({ picture: id, width, height }: Pick<Dragged, 'picture' | 'width' | 'height'>): void {
  useDraft.setState({ start: { id, width, height } })
}

/** Store it and begin from it. */
export async function startFrom(file: Blob): Promise<StartPicture> {
  const { id, width, height } = await got(api.POST('/v1/images', sent(file)))
  const start = { id, width, height }
  useDraft.setState({ start })
  void queryClient.invalidateQueries({ queryKey: ['assets'] })
  return start
}

/** The first picture of a drop or a paste; null: there is none. */
export function pictureOf(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find(file => file.type.startsWith('image/')) ?? null
}

/** A body that is the file's bytes, as they are. */
function sent(file: Blob) {
  return {
    body: file as unknown as string & { image: string },
    bodySerializer: () => file,
    headers: { 'Content-Type': file.type || 'application/octet-stream' },
  }
}
