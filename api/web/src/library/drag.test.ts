import { expect, test } from 'vitest'
import { isPictureDrag, pictureIn, putPicture } from './drag'

/** What a browser hands on, without the browser. */
function transfer(): DataTransfer {
  const kept = new Map<string, string>()
  return {
    get types() {
      return [...kept.keys()]
    },
    setData: (type: string, text: string) => void kept.set(type, text),
    getData: (type: string) => kept.get(type) ?? '',
  } as unknown as DataTransfer
}

test('a dragged picture arrives as it left', () => {
  const data = transfer()
  const picture = { asset: 'ast_1', picture: 'img_1', width: 640, height: 480 }
  putPicture(data, picture)

  expect(isPictureDrag(data)).toBe(true)
  expect(pictureIn(data)).toEqual(picture)
})

test('a file, and what only looks like a picture, are none', () => {
  const file = transfer()
  file.setData('Files', '')
  const forged = transfer()
  forged.setData('application/x-darkroom-picture', '{"asset": 3}')
  const broken = transfer()
  broken.setData('application/x-darkroom-picture', '{')

  expect([file, forged, broken, null].map(pictureIn)).toEqual([null, null, null, null])
  expect(isPictureDrag(file)).toBe(false)
})
