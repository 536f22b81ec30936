// What was thrown away: it stays for 30 days, can be put back, or deleted for good.
import { useAddress } from '~/shell/router'
import { Library } from './Library'

export default function TrashScreen() {
  const { query } = useAddress()
  return <Library query={query} trashed />
}
