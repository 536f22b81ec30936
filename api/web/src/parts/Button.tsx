// Buttons in three weights: the one that matters, the ordinary one, the quiet one (icons, rows of tools).
import type { ButtonHTMLAttributes } from 'react'

type Weight = 'strong' | 'plain' | 'quiet'

const LOOKS: Record<Weight, string> = {
  strong: 'bg-accent text-on-accent font-semibold hover:brightness-110 px-4 py-2 shadow-sm',
  plain: 'border border-edge/60 bg-surface text-ink hover:bg-raised px-3 py-1.5',
  quiet: 'text-soft hover:text-ink hover:bg-raised px-2 py-1.5',
}

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  weight?: Weight
}

export function Button({ weight = 'plain', className = '', type = 'button', ...rest }: Props) {
  const shape =
    'inline-flex min-h-8 min-w-8 items-center justify-center gap-2 rounded-lg transition disabled:opacity-50'
  return <button type={type} className={`${shape} ${LOOKS[weight]} ${className}`} {...rest} />
}
