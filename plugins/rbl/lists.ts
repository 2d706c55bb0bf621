// What a list is, and what its answers mean.
import { z } from 'estafeta/plugin'

const weight = z.number().min(0).default(1).describe('Added to the sum when it lists')
const code = z.string().refine((text) => parseCode(text) !== null, {
  error: "expected an address such as '127.0.0.2', or a range of its last part such as '127.0.0.4-8'",
})

export const listSetting = z.union([
  z.string().transform((zone) => ({ zone, weight: 1, codes: undefined, text: undefined, txt: true })),
  z.strictObject({
    zone: z.string().min(1).describe('zen.example.org'),
    weight,
    codes: z
      .union([z.array(code), z.record(code, z.number())])
      .optional()
      .describe(
        'Answers that count, or a weight for each: `127.0.0.2`, `127.0.0.4-8`; all of 127.0.0.0/8 when left out',
      ),
    text: z.string().optional().describe('Instead of the common `text`'),
    txt: z.boolean().default(true).describe("Ask for the list's own reason (TXT)"),
  }),
])

export type ListSetting = z.output<typeof listSetting>

interface Codes {
  readonly prefix: string
  readonly from: number
  readonly to: number
  readonly weight: number
}

export interface List {
  readonly zone: string
  readonly text: string | null
  readonly txt: boolean
  readonly codes: readonly Codes[]
}

const EVERY: readonly Omit<Codes, 'weight'>[] = [{ prefix: '127.', from: 0, to: 255 }]

export function toList({ zone, weight, codes, text, txt }: ListSetting): List {
  const entries: [string, number][] = Array.isArray(codes)
    ? codes.map((one) => [one, weight])
    : Object.entries(codes ?? {})
  const wanted = entries.map(([one, own]) => ({ ...parseCode(one)!, weight: own }))
  const all = EVERY.map((range) => ({ ...range, weight }))
  return {
    zone: zone.toLowerCase().replace(/\.$/, ''),
    text: text ?? null,
    txt,
    codes: codes === undefined ? all : wanted,
  }
}

function parseCode(text: string): Omit<Codes, 'weight'> | null {
  const match = /^(127\.\d{1,3}\.\d{1,3}\.)(\d{1,3})(?:-(\d{1,3}))?$/.exec(text)
  if (!match) return null
  const from = Number(match[2])
  const to = Number(match[3] ?? from)
  return from <= to && to <= 255 ? { prefix: match[1]!, from, to } : null
}

/** Answers by which lists say that they do not answer: over a quota, through a public resolver, a mistyped zone. */
const isRefusal = (answer: string): boolean => answer.startsWith('127.255.255.')

/** The weight of the heaviest answer that counts; null: not listed. Throws when the list refused to answer. */
export function weigh(list: List, answers: readonly string[]): number | null {
  const refusal = answers.find(isRefusal)
  if (refusal !== undefined) throw new Error(`refuses to answer (${refusal})`)
  // an address outside 127/8 is a parked domain or a resolver that rewrites answers (RFC 5782 §2.1)
  const weights = answers.flatMap((answer) => list.codes.filter((range) => covers(range, answer)).map((c) => c.weight))
  return weights.length === 0 ? null : Math.max(...weights)
}

function covers({ prefix, from, to }: Codes, answer: string): boolean {
  if (!answer.startsWith(prefix)) return false
  const last = Number(answer.slice(answer.lastIndexOf('.') + 1))
  return prefix === '127.' || (last >= from && last <= to)
}
