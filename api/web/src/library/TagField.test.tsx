import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { fireEvent, render, screen } from '@testing-library/react'
import { useState } from 'react'
import { expect, test } from 'vitest'
import { TagField } from './TagField'
import { tagsLike } from './tags'

function Field() {
  const [text, setText] = useState('')
  return <TagField label="Add a tag" text={text} onChange={setText} />
}

function show(): HTMLInputElement {
  const client = new QueryClient()
  client.setQueryData(tagsLike('ca').queryKey, ['cat', 'car'])
  render(
    <QueryClientProvider client={client}>
      <Field />
    </QueryClientProvider>,
  )
  return screen.getByLabelText('Add a tag')
}

async function typed(field: HTMLInputElement, text: string): Promise<void> {
  fireEvent.change(field, { target: { value: text } })
  await screen.findAllByRole('option')
}

test('arrows choose a suggestion and Enter takes it, without sending the form', async () => {
  const field = show()
  await typed(field, 'sea, ca')

  fireEvent.keyDown(field, { key: 'ArrowDown' })
  fireEvent.keyDown(field, { key: 'ArrowDown' })
  const wasSent = fireEvent.keyDown(field, { key: 'Enter' })

  expect(field.value).toBe('sea, car, ')
  expect(wasSent).toBe(false)
  expect(screen.queryAllByRole('option')).toEqual([])
})

test('the field names the suggestion that is chosen, and Enter without one is the form’s', async () => {
  const field = show()
  await typed(field, 'ca')

  const isForm = fireEvent.keyDown(field, { key: 'Enter' })
  fireEvent.keyDown(field, { key: 'ArrowUp' })

  expect(isForm).toBe(true)
  const active = document.getElementById(field.getAttribute('aria-activedescendant') ?? '')
  expect(active?.textContent).toBe('car')
  expect(active?.getAttribute('aria-selected')).toBe('true')
})

test('Escape closes the suggestions and nothing else', async () => {
  const field = show()
  await typed(field, 'ca')

  fireEvent.keyDown(field, { key: 'Escape' })

  expect(screen.queryAllByRole('option')).toEqual([])
  expect(field.value).toBe('ca')
})
