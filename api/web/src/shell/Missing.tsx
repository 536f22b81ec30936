// An address without a screen.
import { useWords } from '~/strings'
import { Link } from './Link'
import { to } from './router'

export function Missing() {
  const words = useWords().shell.missing
  return (
    <section className="mx-auto mt-[18vh] max-w-md px-6 text-center">
      <h1 className="mb-2 text-3xl">{words.title}</h1>
      <p className="mb-6 text-soft">{words.text}</p>
      <Link to={to.studio()} className="inline-block py-1 text-accent underline underline-offset-4">
        {words.go}
      </Link>
    </section>
  )
}
