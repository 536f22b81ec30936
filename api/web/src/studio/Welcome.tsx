// The empty Studio: three things to click, within what the chosen model knows. One click makes a picture.
import type { ReactNode } from 'react'
import { useWords } from '~/strings'
import { useModels } from './ModelChoice'

/** Models that know postcards and nothing else. */
const POSTCARD_MODELS = new Set(['sdxl-starter', 'sdxl-toy'])

export function Welcome({ onBegin }: { onBegin: (prompt: string) => void }) {
  const words = useWords().studio
  const { chosen, isLoaded } = useModels()
  if (!isLoaded) return null
  const isStarter = !chosen || POSTCARD_MODELS.has(chosen.id)
  const ideas = isStarter ? words.postcards : words.scenes
  return (
    <section className="mx-auto flex max-w-4xl flex-col items-center py-[6vh] text-center">
      <h2 className="mb-2 text-4xl">{words.welcome}</h2>
      <p className="mb-10 text-soft">{words.welcomeText}</p>
      <ul className="grid w-full gap-6 sm:grid-cols-3">
        {ideas.map((idea, at) => (
          <li key={idea}>
            <button
              type="button"
              disabled={!chosen}
              className="card group h-full w-full overflow-hidden text-start transition duration-300 hover:-translate-y-1 hover:border-edge hover:shadow-lift"
              onClick={() => onBegin(idea)}
            >
              {SCENES[at]}
              <span className="block p-4 font-serif text-[1.0625rem] leading-snug">{idea}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Drawn here, so that a fresh install has pictures before it has made one. */
const SCENES: readonly ReactNode[] = [
  <Scene key="boat" sky={['#3b2142', '#c0563c']} ground="#1d3550">
    <circle cx="112" cy="78" r="17" fill="#ffc46b" />
    <path d="M0 90h160v2H0z" fill="#ffb454" opacity="0.35" />
    <path d="M44 84h50l-9 14H54z" fill="#d63b2c" />
    <path d="M67 82V40l26 40z" fill="#f6e7cf" />
    <path d="M64 82V48L46 80z" fill="#e4cfae" />
  </Scene>,
  <Scene key="houses" sky={['#0d1326', '#24345c']} ground="#dfe6ee">
    <circle cx="128" cy="24" r="9" fill="#f3ecd4" />
    <path d="M28 62h36v34H28z" fill="#3b62b8" />
    <path d="M22 64l24-22 24 22z" fill="#f4f7fa" />
    <path d="M86 68h30v28H86z" fill="#2f4f98" />
    <path d="M81 70l20-18 20 18z" fill="#f4f7fa" />
    <path d="M41 74h9v9h-9zM97 76h8v8h-8z" fill="#ffc46b" />
    <path d="M14 20h2v2h-2zM60 14h2v2h-2zM92 30h2v2h-2zM146 50h2v2h-2zM22 44h2v2h-2z" fill="#fff" />
  </Scene>,
  <Scene key="balloon" sky={['#7fb4d9', '#e8d9b4']} ground="#5f8f45">
    <path d="M98 70c-3 9-4 12-2 22" stroke="#4a3a22" fill="none" />
    <ellipse cx="98" cy="44" rx="21" ry="26" fill="#f2c230" />
    <ellipse cx="91" cy="36" rx="6" ry="9" fill="#ffe28a" opacity="0.7" />
    <path d="M20 100q8-10 16 0M120 104q9-12 18 0M58 108q6-8 12 0" stroke="#3f6b2f" fill="none" strokeWidth="2" />
  </Scene>,
]

function Scene({ sky, ground, children }: { sky: readonly [string, string]; ground: string; children: ReactNode }) {
  const id = `sky-${sky[0].slice(1)}`
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 160 120"
      className="block w-full transition duration-500 group-hover:scale-[1.03]"
    >
      <defs>
        <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor={sky[0]} />
          <stop offset="1" stopColor={sky[1]} />
        </linearGradient>
      </defs>
      <path d="M0 0h160v120H0z" fill={`url(#${id})`} />
      <path d="M0 92q40-6 80 0t80 0v28H0z" fill={ground} />
      {children}
    </svg>
  )
}
