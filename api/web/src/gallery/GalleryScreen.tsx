// The library: everything somebody has, found by words, walked through by month.
import { useAddress } from '~/shell/router'
import { Library } from './Library'

export default function GalleryScreen() {
  const { query } = useAddress()
  return <Library query={query} />
}
