// A small panel beside its button: history, presets, models. It closes on Escape and on a click elsewhere, and gives the
// focus back.
import { Popover } from 'radix-ui'
import type { ReactNode } from 'react'

interface Props {
  button: ReactNode
  label: string
  isOpen: boolean
  onOpen: (isOpen: boolean) => void
  children: ReactNode
}

export function Flyout({ button, label, isOpen, onOpen, children }: Props) {
  return (
    <Popover.Root open={isOpen} onOpenChange={onOpen}>
      <Popover.Trigger asChild>{button}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          aria-label={label}
          align="start"
          sideOffset={6}
          collisionPadding={12}
          className="card z-30 max-h-[min(28rem,var(--radix-popover-content-available-height))] w-[min(24rem,calc(100vw-1.5rem))] overflow-y-auto p-3 text-sm text-ink shadow-lift"
        >
          {children}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}
