// Ask the picture: a question and its answer, or what to find; what was found is marked on the picture itself.
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { ApiAway, ApiError } from '~/api/errors'
import { Button } from '~/parts/Button'
import { told } from '~/parts/Trouble'
import { say } from '~/shell/speech'
import { useWords } from '~/strings'
import { ask, type Kind, type Mark } from './answers'
import type { Asset } from './asset'

export type { Mark } from './answers'

interface Turn {
  question: string
  answer: string
  isBad: boolean
}

interface Props {
  asset: Asset
  hasMarks: boolean
  onMarks: (marks: Mark[]) => void
}

export function Ask({ asset, hasMarks, onMarks }: Props) {
  const words = useWords()
  const { ask: texts } = words.viewer
  const [text, setText] = useState('')
  const [turns, setTurns] = useState<Turn[]>([])
  const [asking, setAsking] = useState<AbortController | null>(null)
  const latest = useRef(asking)
  latest.current = asking
  useEffect(() => () => latest.current?.abort(), [])

  const send = async (kind: Kind) => {
    const question = text.trim()
    if (!question || asking) return
    const control = new AbortController()
    setAsking(control)
    // Taken at once, so that the next question can be typed meanwhile.
    setText('')
    try {
      const { text: answer, marks } = await ask(asset.picture, kind, question, control.signal)
      if (kind !== 'query') onMarks(marks)
      const said = answer ?? texts.found(marks.length, question)
      setTurns(was => [...was, { question, answer: said, isBad: false }])
      say(said)
    } catch (error) {
      if (control.signal.aborted) return
      const why =
        error instanceof ApiError || error instanceof ApiAway || !(error instanceof Error)
          ? told(error, words)
          : error.message
      setTurns(was => [...was, { question, answer: why, isBad: true }])
      setText(typed => typed || question)
    } finally {
      setAsking(null)
    }
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void send('query')
  }
  return (
    <section>
      <h2 className="eyebrow mb-2 font-sans">{texts.title}</h2>
      {turns.length > 0 && (
        <dl tabIndex={0} aria-label={texts.title} className="mb-3 max-h-56 space-y-1 overflow-y-auto text-sm">
          {turns.map((turn, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: what was said keeps its place
            <div key={at}>
              <dt className="text-soft">{turn.question}</dt>
              <dd className={`break-words ${turn.isBad ? 'text-bad!' : ''}`}>{turn.answer}</dd>
            </div>
          ))}
        </dl>
      )}
      <form onSubmit={submit} className="space-y-2">
        <input
          className="field text-sm"
          aria-label={texts.label}
          placeholder={texts.placeholder}
          maxLength={2000}
          value={text}
          onChange={event => setText(event.target.value)}
        />
        <div className="flex flex-wrap items-center gap-2">
          <Button type="submit" className="text-sm" disabled={!text.trim() || asking !== null}>
            {texts.go}
          </Button>
          <Button
            className="text-sm"
            title={texts.findHint}
            disabled={!text.trim() || asking !== null}
            onClick={() => void send('detect')}
          >
            {texts.find}
          </Button>
          <Button
            className="text-sm"
            title={texts.findHint}
            disabled={!text.trim() || asking !== null}
            onClick={() => void send('point')}
          >
            {texts.point}
          </Button>
          {asking && (
            <span className="label" role="status">
              {texts.asking}
            </span>
          )}
          {hasMarks && !asking && (
            <Button weight="quiet" className="text-sm" onClick={() => onMarks([])}>
              {texts.clear}
            </Button>
          )}
        </div>
      </form>
    </section>
  )
}

/** Boxes and points over the picture. Their lines keep their width however near one looks. */
export function Marks({ marks, zoom }: { marks: readonly Mark[]; zoom: number }) {
  return marks.map((mark, at) => (
    <span
      // biome-ignore lint/suspicious/noArrayIndexKey: marks never change their order
      key={at}
      aria-hidden
      className={`pointer-events-none absolute border-accent ${mark.width === 0 ? 'rounded-full bg-accent' : 'bg-accent/10'}`}
      style={
        mark.width === 0
          ? {
              left: `${mark.x * 100}%`,
              top: `${mark.y * 100}%`,
              width: 14 / zoom,
              height: 14 / zoom,
              margin: -7 / zoom,
              outline: `${2 / zoom}px solid black`,
            }
          : {
              left: `${mark.x * 100}%`,
              top: `${mark.y * 100}%`,
              width: `${mark.width * 100}%`,
              height: `${mark.height * 100}%`,
              borderWidth: 2.5 / zoom,
              borderStyle: 'solid',
            }
      }
    />
  ))
}
