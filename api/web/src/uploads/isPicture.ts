// Which files are worth sending. Page and service worker both ask.

const PICTURE = /\.(png|jpe?g|webp|gif|avif|bmp|tiff?|heic)$/i

/** Whether it is worth sending: the server says whether it can be read. Pure. */
export function isPicture(file: { type: string; name: string }): boolean {
  return file.type.startsWith('image/') || (file.type === '' && PICTURE.test(file.name))
}
