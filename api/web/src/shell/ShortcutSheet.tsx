// The list behind `?`: every key that does something on this screen, and the switch for single letters.
import { Dialog } from '~/parts/Dialog'
import { Switch } from '~/parts/Switch'
import { useWords } from '~/strings'
import { useLook } from './look'
import { useShortcuts } from './shortcuts'

const SIGNS: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', ' ': 'Space' }
const IS_APPLE = /Mac|iP(hone|ad)/.test(navigator.platform)

export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const words = useWords().shell.shortcuts
  const registered = useShortcuts(({ all }) => all)
  const all = registered.filter(one => !one.isUnlisted)
  const groups = [...new Set(all.map(one => one.group))]
  return (
    <Dialog title={words.title} onClose={onClose} width="max-w-2xl">
      <div className="gap-x-10 sm:columns-2">
        {groups.map(group => (
          <section key={group} className="mb-5 break-inside-avoid">
            <h3 className="eyebrow mb-2">{group || words.everywhere}</h3>
            <dl className="space-y-1.5">
              {all
                .filter(one => one.group === group)
                .map(one => (
                  <div key={one.keys + one.label} className="flex items-baseline justify-between gap-4">
                    <dt>{one.label}</dt>
                    <dd>
                      <Keys keys={one.keys} />
                    </dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
      <LetterSwitch />
    </Dialog>
  )
}

export function LetterSwitch() {
  const words = useWords().shell.shortcuts
  const isOn = useLook(look => look.letterKeys)
  return <Switch label={words.letters} isOn={isOn} onChange={letterKeys => useLook.setState({ letterKeys })} />
}

function Keys({ keys }: { keys: string }) {
  const parts = keys === '+' ? ['+'] : keys.split('+')
  return (
    <span className="flex gap-1">
      {parts.map(part => (
        <kbd key={part} className="key">
          {shown(part)}
        </kbd>
      ))}
    </span>
  )
}

function shown(part: string): string {
  if (part === 'mod') return IS_APPLE ? '⌘' : 'Ctrl'
  const sign = SIGNS[part] ?? part
  return sign.charAt(0).toUpperCase() + sign.slice(1)
}
