// Where pictures are asked for: the form on one side, the trays on the other, on a phone above each other.
import { Layers } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useConnection } from '~/api/away'
import { cancel } from '~/jobs/deeds'
import { useFeed } from '~/jobs/feed'
import { Button } from '~/parts/Button'
import { told } from '~/parts/Trouble'
import { useSession } from '~/shell/session'
import { useShortcut } from '~/shell/shortcuts'
import { useWords } from '~/strings'
import { Advanced } from './Advanced'
import { openDraft, useDraft } from './draft'
import { GridRun } from './GridRun'
import { ModelChoice, useModels } from './ModelChoice'
import { Presets } from './Presets'
import { PromptFields } from './PromptFields'
import { requestOf } from './request'
import { Shape } from './Shape'
import { StartField } from './StartField'
import { submit } from './submit'
import { Trays } from './Trays'

const TRAYS = 'trays'

export function StudioScreen() {
  const { person } = useSession()
  useState(() => openDraft(person))
  const { develop, isSending, trouble } = useDeveloping()
  const begin = (prompt: string) => {
    useDraft.setState({ prompt })
    void develop(false)
  }
  return (
    <div className="flex min-h-full flex-col lg:h-full lg:flex-row">
      <Form onDevelop={develop} isSending={isSending} trouble={trouble} />
      <div id={TRAYS} className="min-w-0 flex-1 p-4 sm:p-6 lg:overflow-y-auto lg:p-8">
        <Trays onBegin={begin} />
      </div>
    </div>
  )
}

interface FormProps {
  onDevelop: (isFirst: boolean) => Promise<void>
  isSending: boolean
  trouble: string
}

function Form({ onDevelop, isSending, trouble }: FormProps) {
  const words = useWords().studio
  const n = useDraft(draft => draft.n)
  const [showsGrid, setShowsGrid] = useState(false)
  const keys = { group: words.title, inFields: true }
  useShortcut('mod+Enter', words.generate, () => void onDevelop(false), keys)
  useShortcut('mod+shift+Enter', words.generateFirst, () => void onDevelop(true), keys)
  useShortcut('shift+X', words.cancelNewest, cancelRunning, { group: words.title })
  return (
    <form
      aria-label={words.title}
      className="flex shrink-0 flex-col border-line lg:h-full lg:w-[25.5rem] lg:border-e"
      onSubmit={event => {
        // What opens over this form (presets, grid run) has forms too, and React bubbles theirs to here.
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        void onDevelop(false)
      }}
    >
      <h1 className="sr-only">{words.title}</h1>
      <div className="space-y-6 p-4 sm:p-6 lg:flex-1 lg:overflow-y-auto">
        <PromptFields />
        <ModelChoice />
        <Shape />
        <StartField />
        <div>
          <Advanced />
          <div className="mt-2 -ms-2 flex flex-wrap">
            <Presets />
            <Button weight="quiet" className="text-sm" onClick={() => setShowsGrid(true)}>
              <Layers aria-hidden size={15} /> {words.grid.title}
            </Button>
          </div>
        </div>
      </div>
      <div className="sticky bottom-0 border-t border-line bg-ground/95 p-4 sm:px-6">
        <p role="alert" className="mb-2 text-sm break-words text-bad empty:hidden">
          {trouble}
        </p>
        <Button weight="strong" type="submit" className="min-h-11 w-full text-base" aria-disabled={isSending}>
          {isSending ? words.sending : n > 1 ? words.generateMany(n) : words.generate}
          <span className="flex gap-1 max-lg:hidden" aria-hidden>
            <kbd className="rounded border border-current/40 px-1 font-mono text-[0.6875rem]">Ctrl</kbd>
            <kbd className="rounded border border-current/40 px-1 font-mono text-[0.6875rem]">↵</kbd>
          </span>
        </Button>
      </div>
      {showsGrid && <GridRun onClose={() => setShowsGrid(false)} />}
    </form>
  )
}

function useDeveloping() {
  const words = useWords()
  const { chosen } = useModels()
  const [isSending, setSending] = useState(false)
  const [trouble, setTrouble] = useState('')
  const returns = useConnection(connection => connection.returns)
  // What was said while the API was away is no longer true.
  // biome-ignore lint/correctness/useExhaustiveDependencies: its return is what changes it
  useEffect(() => setTrouble(''), [returns])
  const develop = async (isFirst: boolean) => {
    if (isSending) return
    setSending(true)
    setTrouble('')
    try {
      await submit(requestOf(useDraft.getState(), chosen), isFirst)
      showTrays()
    } catch (error) {
      setTrouble(told(error, words))
    } finally {
      setSending(false)
    }
  }
  return { develop, isSending, trouble }
}

/** Where the trays lie below the form, what was asked for would come out of sight. */
function showTrays(): void {
  if (window.matchMedia('(min-width: 64rem)').matches) return
  document.getElementById(TRAYS)?.scrollIntoView({ block: 'start' })
}

/** The one that runs; of several the newest. */
function cancelRunning(): void {
  const { jobs, order } = useFeed.getState()
  const running = order.find(id => jobs[id]?.state === 'running' && !jobs[id].cancel_requested)
  if (running) void cancel(running)
}
