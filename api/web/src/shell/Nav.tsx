// The navigation: a rail beside the screen, on a phone a bar below it.
import { Keyboard, LogOut, Moon, Sun, SunMoon } from 'lucide-react'
import { type DragEvent, useState } from 'react'
import { isPictureDrag, pictureIn } from '~/library/drag'
import { Button } from '~/parts/Button'
import { useWords } from '~/strings'
import { openDraft } from '~/studio/draft'
import { beginWith } from '~/studio/pictureIn'
import { Link } from './Link'
import { type Theme, useLook } from './look'
import { PLACES } from './nav'
import { navigate, to } from './router'
import { useSession } from './session'
import { useShortcut } from './shortcuts'

const NEXT: Record<Theme, Theme> = { system: 'dark', dark: 'light', light: 'system' }
const ICONS = { system: SunMoon, dark: Moon, light: Sun }

export function Nav({ onKeys }: { onKeys: () => void }) {
  const words = useWords().shell
  const { person, hasCookie, signOut } = useSession()
  return (
    <nav
      aria-label={words.nav.label}
      className="z-10 flex shrink-0 border-line bg-surface max-md:order-last max-md:border-t max-md:pb-[env(safe-area-inset-bottom)] md:w-48 md:flex-col md:border-e"
    >
      <div className="flex items-center gap-2.5 px-5 pt-5 pb-6 max-md:hidden">
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={26} height={26} />
        <span className="font-serif text-lg tracking-tight">{words.name}</span>
      </div>
      <ul className="flex flex-1 justify-around gap-1 md:flex-col md:justify-start md:px-3">
        {PLACES.map((place, at) => (
          <NavItem key={place.path} at={at} {...place} />
        ))}
      </ul>
      <div className="flex items-center gap-1 border-line p-3 max-md:hidden md:border-t">
        <ThemeSwitch />
        <Button weight="quiet" aria-label={words.shortcuts.open} title={`${words.shortcuts.open} (?)`} onClick={onKeys}>
          <Keyboard aria-hidden size={18} />
        </Button>
        {hasCookie && (
          <Button weight="quiet" aria-label={words.signOut} title={words.signedInAs(person)} onClick={signOut}>
            <LogOut aria-hidden size={18} />
          </Button>
        )}
      </div>
    </nav>
  )
}

function NavItem({ path, name, Icon, at }: (typeof PLACES)[number] & { at: number }) {
  const words = useWords().shell
  useShortcut(`alt+${at + 1}`, words.nav[name], () => navigate(path), { group: words.nav.label, inFields: true })
  const drop = useDrop(path)
  return (
    <li className="max-md:flex-1">
      <Link
        to={path}
        {...drop}
        className="flex items-center gap-3 rounded-lg px-3 py-2 text-soft transition hover:bg-raised hover:text-ink aria-[current=page]:bg-glow aria-[current=page]:text-accent data-over:bg-glow data-over:text-accent data-over:ring-2 data-over:ring-accent max-md:flex-col max-md:gap-0.5 max-md:rounded-none max-md:px-1 max-md:text-[0.6875rem]"
      >
        <Icon aria-hidden size={19} strokeWidth={1.75} />
        {words.nav[name]}
      </Link>
    </li>
  )
}

/** A picture of the page that is let go over the Studio is its next start picture. */
function useDrop(path: string) {
  const { person } = useSession()
  const [isOver, setOver] = useState(false)
  if (path !== to.studio()) return {}
  return {
    'data-over': isOver || undefined,
    onDragOver: (event: DragEvent) => {
      if (!isPictureDrag(event.dataTransfer)) return
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      setOver(false)
      const picture = pictureIn(event.dataTransfer)
      if (!picture) return
      event.preventDefault()
      openDraft(person)
      beginWith(picture)
      navigate(path)
    },
  }
}

function ThemeSwitch() {
  const words = useWords().shell
  const theme = useLook(look => look.theme)
  const Icon = ICONS[theme]
  const label = `${words.theme}: ${words.themes[theme]}`
  return (
    <Button weight="quiet" aria-label={label} title={label} onClick={() => useLook.setState({ theme: NEXT[theme] })}>
      <Icon aria-hidden size={18} />
    </Button>
  )
}
