// The search box in its terms: cut as the API cuts it (docs/search.md), so that each can be shown as a chip and taken out.
// What a term means is the API's to say; this only finds where one ends. It never throws: what cannot be read is one chip.

export interface Chip {
  text: string
  /** First character in the box, from 0. */
  at: number
  /** Before the colon, lower case; null: words. */
  name: string | null
  /** Behind the colon, without quotes. */
  value: string
  isNegated: boolean
}

const SPACE = /\s/
/** A letter begins a name: `16:9` is text. */
const NAME = /^([A-Za-z]\w*):/

/** The terms of a box, in their order. Pure. */
export function chipsOf(box: string): Chip[] {
  const chips: Chip[] = []
  let at = 0
  while (at < box.length) {
    if (SPACE.test(box[at] as string)) {
      at += 1
      continue
    }
    const end = endOf(box, at)
    chips.push(chipOf(box.slice(at, end), at))
    at = end
  }
  return chips
}

/** First character behind the term that begins at `at`: a space that stands in no quotes. */
function endOf(box: string, at: number): number {
  let isQuoted = false
  for (let place = at; place < box.length; place += 1) {
    if (box[place] === '"') isQuoted = !isQuoted
    else if (!isQuoted && SPACE.test(box[place] as string)) return place
  }
  return box.length
}

function chipOf(text: string, at: number): Chip {
  const isNegated = text.startsWith('-') && text.length > 1
  const rest = isNegated ? text.slice(1) : text
  const named = NAME.exec(rest)
  const value = named ? rest.slice(named[0].length) : rest
  return { text, at, name: named?.[1]?.toLowerCase() ?? null, value: value.replaceAll('"', ''), isNegated }
}

/** Whether it asks for words or likeness, so that what is found has an order of its own. Pure. */
export function isRanked(box: string): boolean {
  return chipsOf(box).some(chip => chip.name === null || chip.name === 'like')
}

/** A term that the box reads back as this value; quoted where it must be. Quotes have no way of being quoted. Pure. */
export function term(name: string, value: string | number): string {
  const text = String(value).replaceAll('"', ' ').trim()
  return /[\s,]/.test(text) ? `${name}:"${text}"` : `${name}:${text}`
}

export function hasTerm(box: string, wanted: string): boolean {
  return chipsOf(box).some(chip => chip.text.toLowerCase() === wanted.toLowerCase())
}

/** The box with a term more. Pure. */
export function withTerm(box: string, added: string): string {
  return hasTerm(box, added) ? box : [box.trim(), added].filter(Boolean).join(' ')
}

/** The box without one of its chips. Pure. */
export function withoutChip(box: string, chip: Chip): string {
  const before = box.slice(0, chip.at).trimEnd()
  const after = box.slice(chip.at + chip.text.length).trimStart()
  return [before, after].filter(Boolean).join(' ')
}

/** The box with a term where it was not, without it where it was. Pure. */
export function toggledTerm(box: string, wanted: string): string {
  const there = chipsOf(box).find(chip => chip.text.toLowerCase() === wanted.toLowerCase())
  return there ? withoutChip(box, there) : withTerm(box, wanted)
}
