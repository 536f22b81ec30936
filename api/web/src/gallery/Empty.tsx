// No pictures: why, and three things to click.
import { Image, Sparkles, Upload, X } from 'lucide-react'
import { Button } from '~/parts/Button'
import { Link } from '~/shell/Link'
import { to } from '~/shell/router'
import { useWords } from '~/strings'
import type { Question } from './question'

interface Props {
  question: Question
  onUpload: () => void
  onBox: (box: string) => void
}

export function Empty({ question, onUpload, onBox }: Props) {
  const words = useWords().gallery
  const { empty } = words
  const link = 'card flex min-h-24 flex-col items-start justify-between gap-3 p-4 text-start hover:border-accent'
  if (question.box) {
    return (
      <section className="mx-auto max-w-md px-6 pt-[12vh] text-center">
        <h2 className="mb-2 text-2xl">{empty.noMatch}</h2>
        <p className="mb-6 text-soft">{empty.noMatchText}</p>
        <Button weight="strong" onClick={() => onBox('')}>
          <X aria-hidden size={16} /> {empty.showAll}
        </Button>
      </section>
    )
  }
  if (question.trashed || question.album) {
    return (
      <section className="mx-auto max-w-md px-6 pt-[12vh] text-center">
        <h2 className="mb-2 text-2xl">{question.trashed ? empty.trash : empty.album}</h2>
        <p className="mb-6 text-soft">{question.trashed ? empty.trashText : empty.albumText}</p>
        <Link to={to.gallery()} className="inline-block py-1 text-accent underline underline-offset-4">
          {empty.toGallery}
        </Link>
      </section>
    )
  }
  return (
    <section className="mx-auto w-full max-w-2xl px-6 pt-[10vh]">
      <h2 className="mb-2 text-center text-3xl">{empty.title}</h2>
      <p className="mb-8 text-center text-soft">{empty.text}</p>
      <ul className="grid gap-3 sm:grid-cols-3">
        <li>
          <Link to={to.studio()} className={link}>
            <Sparkles aria-hidden className="text-accent" />
            {empty.make}
          </Link>
        </li>
        <li>
          <button type="button" className={`${link} size-full`} onClick={onUpload}>
            <Upload aria-hidden className="text-accent" />
            {empty.upload}
          </button>
        </li>
        <li>
          <button type="button" className={`${link} size-full`} onClick={() => onBox('in:rack')}>
            <Image aria-hidden className="text-accent" />
            {empty.rack}
          </button>
        </li>
      </ul>
    </section>
  )
}
