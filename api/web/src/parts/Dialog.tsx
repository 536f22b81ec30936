// A dialog over the screen: the browser's own element, which traps the focus, closes on Escape, gives the focus back and
// makes the rest inert. Libraries do the same by injecting styles, which the page's content security policy refuses.
import { X } from 'lucide-react'
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { useWords } from '~/strings'
import { Button } from './Button'

interface Props {
  title: string
  onClose: () => void
  children: ReactNode
  /** Tailwind's width, e.g. `max-w-2xl`. */
  width?: string
}

export function Dialog({ title, onClose, children, width = 'max-w-xl' }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  const words = useWords().shell
  // A layout effect: its end comes while the dialog is still in the page, and only then does closing give the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    return () => {
      dialog?.close()
      // Whatever opened it may be gone by now.
      if (document.activeElement === document.body) document.getElementById('screen')?.focus({ preventScroll: true })
    }
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog closes it; the key for that is Escape
    <dialog
      ref={ref}
      aria-labelledby={id}
      onCancel={event => {
        event.preventDefault()
        onClose()
      }}
      onClick={event => event.target === ref.current && onClose()}
      className={`card m-auto w-[calc(100%-2rem)] ${width} p-0 text-ink shadow-lift`}
    >
      <div className="flex items-center justify-between gap-4 border-b border-line px-5 py-3">
        <h2 id={id} className="text-xl">
          {title}
        </h2>
        <Button weight="quiet" aria-label={words.close} onClick={onClose}>
          <X aria-hidden size={18} />
        </Button>
      </div>
      <div className="max-h-[75dvh] overflow-y-auto px-5 py-4">{children}</div>
    </dialog>
  )
}
