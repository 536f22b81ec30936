// A screen that breaks leaves the rest of the page whole, says so, and can be tried again.
import { Component, type ReactNode } from 'react'
import { Button } from '~/parts/Button'
import { words } from '~/strings'

interface Props {
  children: ReactNode
  /** Another value (another address) gives the content a fresh start. */
  of: string
}

export class ErrorBoundary extends Component<Props, { broke: boolean; of: string }> {
  override state = { broke: false, of: this.props.of }

  static getDerivedStateFromError() {
    return { broke: true }
  }

  static getDerivedStateFromProps(props: Props, state: { broke: boolean; of: string }) {
    return props.of === state.of ? null : { broke: false, of: props.of }
  }

  override render() {
    if (!this.state.broke) return this.props.children
    const { error } = words().shell
    return (
      <section role="alert" className="mx-auto mt-[15vh] max-w-md px-6 text-center">
        <h1 className="mb-2 text-2xl">{error.title}</h1>
        <p className="mb-6 text-soft">{error.text}</p>
        <div className="flex justify-center gap-3">
          <Button weight="strong" onClick={() => this.setState({ broke: false })}>
            {error.again}
          </Button>
          <Button onClick={() => location.reload()}>{error.reload}</Button>
        </div>
      </section>
    )
  }
}
