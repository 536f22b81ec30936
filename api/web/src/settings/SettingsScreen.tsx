// What a person can set: look, language, how pictures are shown, keys, and where they are signed in.
import type { ReactNode } from 'react'
import { api } from '~/api/client'
import { queryClient, session } from '~/api/queries'
import { BLURS, type Care, careOf, NEVER_BLUR, useGallerySettings } from '~/gallery/settings'
import { Button } from '~/parts/Button'
import { Switch } from '~/parts/Switch'
import { told } from '~/parts/Trouble'
import { type Language, type Theme, useLook } from '~/shell/look'
import { LetterSwitch } from '~/shell/ShortcutSheet'
import { useSession } from '~/shell/session'
import { toast } from '~/shell/toasts'
import { moment, useWords } from '~/strings'
import { Device } from './Device'

const THEMES: readonly Theme[] = ['system', 'dark', 'light']
const CARES = Object.keys(BLURS) as Care[]
const LANGUAGES: Record<Language, string> = { en: 'English', de: 'Deutsch' }

export default function SettingsScreen() {
  const { settings, shell } = useWords()
  const look = useLook()
  return (
    <div className="mx-auto max-w-2xl space-y-8 px-6 py-8">
      <h1 className="text-3xl">{settings.title}</h1>
      <Section title={settings.look}>
        <Choices
          label={shell.theme}
          chosen={look.theme}
          choices={THEMES.map(theme => [theme, shell.themes[theme]])}
          onChoose={theme => useLook.setState({ theme })}
        />
        <Choices
          label={settings.language}
          chosen={look.language}
          choices={Object.entries(LANGUAGES) as [Language, string][]}
          onChoose={language => useLook.setState({ language })}
        />
      </Section>
      <Pictures />
      <Section title={settings.keys}>
        <LetterSwitch />
      </Section>
      <Section title={settings.device}>
        <Device />
      </Section>
      <Person />
    </div>
  )
}

function Pictures() {
  const words = useWords().settings.pictures
  const { blurFrom, advances } = useGallerySettings()
  const care = careOf(blurFrom)
  return (
    <Section title={words.title}>
      <Switch
        label={words.blur}
        isOn={care !== null}
        onChange={isOn => useGallerySettings.setState({ blurFrom: isOn ? BLURS.usual : NEVER_BLUR })}
      />
      {care !== null && (
        <Choices
          label={words.from}
          chosen={care}
          choices={CARES.map(each => [each, words.cares[each]])}
          onChoose={each => useGallerySettings.setState({ blurFrom: BLURS[each] })}
        />
      )}
      <p className="label">{words.blurText}</p>
      <Switch
        label={words.advances}
        isOn={advances}
        onChange={isOn => useGallerySettings.setState({ advances: isOn })}
      />
    </Section>
  )
}

function Person() {
  const words = useWords()
  const { settings, shell } = words
  const { person, role, hasCookie, sessions, signOut } = useSession()
  const end = async (id: string) => {
    try {
      await api.DELETE('/v1/session', { params: { query: { id } } })
      await queryClient.invalidateQueries(session)
    } catch (error) {
      toast(told(error, words), { tone: 'bad' })
    }
  }
  return (
    <Section title={settings.person}>
      {!hasCookie && <p className="text-soft">{settings.open}</p>}
      {hasCookie && (
        <>
          <p>
            {shell.signedInAs(person)} · {settings.role(role)}
          </p>
          <h3 className="label">{settings.browsers}</h3>
          <ul className="space-y-2">
            {sessions.map(({ id, created_at, is_this }) => (
              <li key={id} className="flex items-center justify-between gap-4">
                <span>
                  {settings.since(moment(created_at))}{' '}
                  {is_this && <em className="text-accent">({settings.thisOne})</em>}
                </span>
                {!is_this && <Button onClick={() => void end(id)}>{settings.end}</Button>}
              </li>
            ))}
          </ul>
          <p className="label">{settings.signOutText}</p>
          <Button onClick={() => void signOut()}>{shell.signOut}</Button>
        </>
      )}
    </Section>
  )
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card space-y-4 p-6">
      <h2 className="text-xl">{title}</h2>
      {children}
    </section>
  )
}

interface ChoicesProps<T extends string> {
  label: string
  chosen: T
  choices: (readonly [T, string])[]
  onChoose: (value: T) => void
}

function Choices<T extends string>({ label, chosen, choices, onChoose }: ChoicesProps<T>) {
  return (
    <fieldset className="flex flex-wrap items-center gap-x-5 gap-y-2">
      <legend className="label mb-1">{label}</legend>
      {choices.map(([value, text]) => (
        <label key={value} className="flex items-center gap-2">
          <input
            type="radio"
            className="accent-accent"
            name={label}
            checked={value === chosen}
            onChange={() => onChoose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  )
}
