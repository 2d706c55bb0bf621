// dovecot-keywords: which keyword each of the letters a to z stands for in this mailbox.
import { MAX_KEYWORDS } from '../flags.ts'

export const KEYWORDS = 'dovecot-keywords'

export function parseKeywords(octets: Buffer): (string | null)[] {
  const keywords: (string | null)[] = []
  for (const [, slot, keyword] of octets.toString('utf8').matchAll(/^(\d{1,2}) ([^\s]+)$/gm)) {
    if (Number(slot) >= MAX_KEYWORDS) continue
    while (keywords.length <= Number(slot)) keywords.push(null)
    keywords[Number(slot)] = keyword!
  }
  return keywords
}

export const formatKeywords = (keywords: readonly (string | null)[]): string =>
  keywords.map((keyword, slot) => (keyword === null ? '' : `${slot} ${keyword}\n`)).join('')
