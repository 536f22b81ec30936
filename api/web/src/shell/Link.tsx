// A link within the page: a real one, so that it opens in a new tab too; a plain click only changes the address.
import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { hrefOf, navigate, useAddress } from './router'

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  to: string
}

export function Link({ to, onClick, ...rest }: Props) {
  const { path } = useAddress()
  const go = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    navigate(to)
  }
  return <a href={hrefOf(to)} onClick={go} aria-current={path === to ? 'page' : undefined} {...rest} />
}
