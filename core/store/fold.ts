// Text as searches compare it: letter case and compatibility forms folded as i;unicode-casemap does (RFC 5051 §2).

/**
 * Decomposed, lower case, LF line ends, since files have these: a letter with a mark contains the letter. A tab is a space:
 * many programs fold header lines with one. Works line by line of a longer text.
 */
export function fold(text: string): string {
  if (/\r\n|\t/.test(text)) return fold(text.replaceAll('\r\n', '\n').replaceAll('\t', ' '))
  if (!/[^\x00-\x7f]/.test(text)) return text.toLowerCase()
  return text.normalize('NFKD').toLowerCase().replaceAll('ς', 'σ')
}
