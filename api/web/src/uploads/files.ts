// The pictures of a drop or of a chooser, whole folders too, in the order of their names.
import { isPicture } from './isPicture'

export interface Found {
  file: File
  /** With its folders, as far as the browser tells them. */
  path: string
}

/** Everything that was dropped, folders walked through. The entries must be taken before the event is over. */
export async function dropped(data: DataTransfer): Promise<Found[]> {
  const entries = [...data.items].flatMap(item => item.webkitGetAsEntry?.() ?? [])
  const found = entries.length > 0 ? (await Promise.all(entries.map(walked))).flat() : [...data.files].map(chosen)
  return sorted(found.filter(({ file }) => isPicture(file)))
}

export function ofChooser(files: FileList | null): Found[] {
  return sorted([...(files ?? [])].map(chosen).filter(({ file }) => isPicture(file)))
}

function chosen(file: File): Found {
  return { file, path: file.webkitRelativePath || file.name }
}

function sorted(found: Found[]): Found[] {
  return found.sort((a, b) => a.path.localeCompare(b.path, undefined, { numeric: true }))
}

async function walked(entry: FileSystemEntry): Promise<Found[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ file, path: entry.fullPath.replace(/^\//, '') }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const inside: FileSystemEntry[] = []
  for (;;) {
    // A reader hands out a hundred at a time, and an empty list at the end.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) break
    inside.push(...some)
  }
  return (await Promise.all(inside.map(walked))).flat()
}
