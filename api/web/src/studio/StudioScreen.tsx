// Where pictures are asked for.
import { useWords } from '~/strings'

export function StudioScreen() {
  const words = useWords().studio
  return <h1 className="p-8 text-3xl">{words.title}</h1>
}
