// Pictures that another program shares to the page: into the upload queue of whoever is here, where they wait for that
// person's word. Nothing is taken in silence: the address that is gone to says what became of them.
import { isPicture } from '~/uploads/isPicture'
import { openWaiting } from '~/uploads/waiting'

/** Field of the form, as the manifest names it. */
const FIELD = 'pictures'

/** Where to go after it; `?share=` says how many were taken, or why none was. */
export async function taken(request: Request, person: string | null, base: string): Promise<string> {
  if (person === null) return `${base}?share=signin`
  let files: File[]
  try {
    files = (await request.formData()).getAll(FIELD).filter(each => each instanceof File)
  } catch {
    return `${base}?share=none` // not the form of the manifest
  }
  const pictures = files.filter(isPicture)
  if (pictures.length === 0) return `${base}?share=none`
  const db = await openWaiting(person)
  if (!db) return `${base}?share=full`
  try {
    const all = db.transaction('waiting', 'readwrite')
    for (const file of pictures) await all.store.add({ file, path: file.name, album: '', isShared: true })
    await all.done
  } catch {
    return `${base}?share=full`
  } finally {
    db.close()
  }
  const left = files.length - pictures.length
  return `${base}gallery?share=${pictures.length}${left > 0 ? `&left=${left}` : ''}`
}
