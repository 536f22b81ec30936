// On or off, with its words beside it.
import { Switch as Radix } from 'radix-ui'
import { useId } from 'react'

interface Props {
  label: string
  isOn: boolean
  onChange: (isOn: boolean) => void
}

export function Switch({ label, isOn, onChange }: Props) {
  const id = useId()
  return (
    <div className="flex items-center gap-3">
      <Radix.Root
        id={id}
        checked={isOn}
        onCheckedChange={onChange}
        className="h-6 w-10 shrink-0 rounded-full border border-edge bg-ground transition data-[state=checked]:border-accent data-[state=checked]:bg-accent"
      >
        <Radix.Thumb className="block size-4 translate-x-1 rounded-full bg-edge transition data-[state=checked]:translate-x-[1.2rem] data-[state=checked]:bg-on-accent rtl:-translate-x-1 rtl:data-[state=checked]:-translate-x-[1.2rem]" />
      </Radix.Root>
      <label htmlFor={id}>{label}</label>
    </div>
  )
}
