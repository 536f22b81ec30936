// Says what became of pictures that another program shared: the service worker, or the server where there is none, ends
// such a request at an address with `?share=`.
import { useEffect } from 'react'
import { counted, words } from '~/strings'
import { navigate, useAddress } from './router'
import { toast } from './toasts'

export function useShared(): void {
  const { path, query } = useAddress()
  const share = query.get('share')
  const left = Number(query.get('left') ?? 0)
  useEffect(() => {
    if (share === null) return
    const rest = new URLSearchParams(location.search)
    rest.delete('share')
    rest.delete('left')
    navigate(rest.size > 0 ? `${path}?${rest}` : path, { replace: true })
    toast(told(share, left), { stays: true })
  }, [share, left, path])
}

/** In words; whoever writes such an address by hand reads that there was no picture. */
function told(share: string, left: number): string {
  const said = words().shell.share
  const count = Number.parseInt(share, 10)
  if (count > 0) {
    const taken = said.taken(counted(count), count)
    return left > 0 ? `${taken} ${said.left(counted(left), left)}` : taken
  }
  return share === 'signin' || share === 'full' || share === 'unavailable' ? said[share] : said.none
}
