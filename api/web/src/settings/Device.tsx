// The page on this device: whether it can be installed and works without a line, and where not, why.
import { useEffect, useState } from 'react'
import { Button } from '~/parts/Button'
import { useInstalling } from '~/shell/worker'
import { sized, useWords } from '~/strings'

const MIB = 1024 * 1024

export function Device() {
  const { settings } = useWords()
  const { worker, install } = useInstalling()
  const keptMib = useKept()
  if (worker === 'insecure') return <p className="text-soft">{settings.insecure}</p>
  if (worker === 'none') return <p className="text-soft">{settings.offlineNone}</p>
  return (
    <>
      <p>{worker === 'ready' ? settings.offlineReady(sized(keptMib)) : settings.offlineStarting}</p>
      <p className="text-soft">{settings.installText}</p>
      {install ? <Button onClick={install}>{settings.install}</Button> : <p>{settings.installByMenu}</p>}
    </>
  )
}

/** MiB that the browser keeps for this page, all together. */
function useKept(): number {
  const [mib, setMib] = useState(0)
  useEffect(() => {
    void navigator.storage?.estimate().then(({ usage }) => setMib((usage ?? 0) / MIB))
  }, [])
  return mib
}
