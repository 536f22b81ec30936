// A picture by its own id, as jobs name it: the viewer stands at its asset's address, which is looked for here.
import { useQuery } from '@tanstack/react-query'
import { ArrowLeft } from 'lucide-react'
import { useEffect } from 'react'
import { Button } from '~/parts/Button'
import { Trouble } from '~/parts/Trouble'
import { navigate, to } from '~/shell/router'
import { useWords } from '~/strings'
import { assetWith } from './asset'
import { walkAlone } from './walk'

export function OfPicture({ picture }: { picture: string }) {
  const words = useWords().viewer
  const { data, error, refetch } = useQuery(assetWith(picture))
  useEffect(() => {
    if (!data) return
    walkAlone()
    navigate(to.viewer(data), { replace: true })
  }, [data])
  if (data || (data === undefined && !error)) return <p className="p-8 text-soft">{words.loading}</p>
  return (
    <div className="mx-auto max-w-lg space-y-4 px-6 pt-[15vh]">
      {error ? <Trouble error={error} onRetry={() => void refetch()} /> : <p>{words.notInLibrary}</p>}
      <Button onClick={() => navigate(to.studio())}>
        <ArrowLeft aria-hidden size={16} /> {words.back}
      </Button>
    </div>
  )
}
