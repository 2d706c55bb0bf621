// A deterministic mailbox of realistic messages: the same count and seed give the same octets.
// 70% plain text of 2 KiB, 25% multipart/alternative of 20 KiB, 5% with an attachment of 200 KiB; 60% are replies in threads;
// 10% have encoded subjects and UTF-8 bodies. "needle" stands in the text of 1%, "invoice" in the subject of 5%, and the
// most frequent of 500 senders is alice.

export interface CorpusMessage {
  /** CRLF line ends. */
  readonly bytes: Buffer
  /** Seconds since 1970. */
  readonly time: number
}

const START = Date.UTC(2025, 0, 1) / 1000
const VOWELS = 'aeiou'
const CONSONANTS = 'bcdfghklmnprstvw'

type Random = () => number

/** Small, quick and the same everywhere: 32 bits of state stepped by a Weyl sequence, mixed by multiplications. */
function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

const below = (random: Random, n: number) => Math.floor(random() * n)
const between = (random: Random, low: number, high: number) => low + below(random, high - low + 1)
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!
/** An index with odds falling as 1 / (index + 5). */
const skewed = (random: Random, count: number) => Math.min(count - 1, Math.floor(5 * ((count / 5 + 1) ** random() - 1)))

interface Thread {
  readonly id: string
  readonly references: readonly string[]
  readonly subject: string
}

export function* corpus(count: number, seed = 1): Generator<CorpusMessage> {
  const random = createRandom(seed)
  const words = makeWords(random, 3000)
  const lines = makeLines(random, words, 8000)
  const attachment = makeAttachment(random, 1_500_000)
  const people = [
    'Alice Example',
    ...Array.from({ length: 499 }, () => `${title(pick(random, words))} ${title(pick(random, words))}`),
  ]
  const recent: Thread[] = []
  for (let n = 0; n < count; n++) {
    const time = START + n * 300 + between(random, -3600, 3600)
    const foreign = random() < 0.1
    const needle = random() < 0.01
    const thread = nextThread(random, recent, words, n, foreign)
    const header = makeHeader(random, people, thread, time, n)
    const kind = random()
    const text = (size: number) => makeText(random, lines, size, needle, foreign)
    const body =
      kind < 0.7
        ? plain(text, random, foreign)
        : kind < 0.95
          ? alternative(text, n, foreign)
          : mixed(text, random, n, attachment)
    yield { bytes: Buffer.from(`${header}${body}`, 'utf8'), time }
  }
}

const title = (word: string) => word[0]!.toUpperCase() + word.slice(1)

function makeWords(random: Random, count: number): string[] {
  const words = new Set<string>()
  while (words.size < count) {
    const syllables = Array.from(
      { length: between(random, 1, 4) },
      () => pick(random, [...CONSONANTS]) + pick(random, [...VOWELS]),
    )
    words.add(syllables.join(''))
  }
  return [...words].sort()
}

const makeLines = (random: Random, words: readonly string[], count: number): string[] =>
  Array.from({ length: count }, () =>
    title(Array.from({ length: between(random, 8, 12) }, () => words[skewed(random, words.length)]).join(' ')),
  )

function makeAttachment(random: Random, size: number): string {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32LE(below(random, 2 ** 32), i)
  return bytes.toString('base64').replace(/.{76}/g, '$&\r\n')
}

function makeText(random: Random, lines: readonly string[], size: number, needle: boolean, foreign: boolean): string {
  const out: string[] = []
  let length = 0
  for (let i = below(random, lines.length); length < size; i++) {
    const line = lines[i % lines.length]!
    out.push(foreign && i % 5 === 0 ? `${line} señor größe` : line)
    length += line.length + 2
  }
  if (needle) out[below(random, out.length)] += ' needle'
  return `${out.join('\r\n')}\r\n`
}

function nextThread(random: Random, recent: Thread[], words: readonly string[], n: number, foreign: boolean): Thread {
  const id = `<${below(random, 2 ** 32).toString(16)}.${n}@mail.example${n % 7}.test>`
  const parent = recent.length > 0 && random() < 0.6 ? pick(random, recent) : null
  const fresh = () => {
    const subject = Array.from({ length: between(random, 2, 7) }, () => pick(random, words)).join(' ')
    const invoice = random() < 0.05 ? ` invoice ${between(random, 1000, 9999)}` : ''
    return foreign ? `=?utf-8?Q?${subject.replace(/ /g, '_')}_gr=C3=B6=C3=9Fe?=${invoice}` : subject + invoice
  }
  const thread = parent
    ? {
        id,
        references: [...parent.references, parent.id].slice(-12),
        subject: parent.subject.startsWith('Re: ') ? parent.subject : `Re: ${parent.subject}`,
      }
    : { id, references: [], subject: fresh() }
  recent.push(thread)
  if (recent.length > 60) recent.shift()
  return thread
}

function makeHeader(random: Random, people: readonly string[], thread: Thread, time: number, n: number): string {
  const person = () => {
    const name = people[skewed(random, people.length)]!
    return `"${name}" <${name.toLowerCase().replace(' ', '.')}@example${name.length % 7}.test>`
  }
  const date = (at: number) => new Date(at * 1000).toUTCString().replace('GMT', '+0000')
  const received = Array.from(
    { length: between(random, 2, 4) },
    (_, hop) =>
      `Received: from relay${hop}.example.test (relay${hop}.example.test [192.0.2.${between(random, 1, 250)}])\r\n` +
      `\tby mx${hop}.peer.test with ESMTPS id ${below(random, 2 ** 32).toString(36)}\r\n\tfor <user@peer.test>; ${date(time + hop)}`,
  )
  const signature = Array.from({ length: 4 }, () =>
    below(random, 2 ** 32)
      .toString(36)
      .repeat(9)
      .slice(0, 64),
  ).join('\r\n\t ')
  return [
    `Return-Path: <bounce${n}@example.test>`,
    ...received,
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=s1;\r\n\th=from:to:subject:date:message-id;\r\n\tb=${signature}`,
    `From: ${person()}`,
    `To: ${Array.from({ length: between(random, 1, 3) }, person).join(',\r\n\t')}`,
    ...(random() < 0.3 ? [`Cc: ${person()}`] : []),
    `Subject: ${thread.subject}`,
    `Date: ${date(time)}`,
    `Message-ID: ${thread.id}`,
    ...(thread.references.length > 0
      ? [`In-Reply-To: ${thread.references.at(-1)}`, `References: ${thread.references.join('\r\n\t')}`]
      : []),
    ...(random() < 0.2 ? ['List-Id: <dev.example.test>', 'List-Unsubscribe: <mailto:dev-leave@example.test>'] : []),
    'MIME-Version: 1.0',
    '',
  ].join('\r\n')
}

type Text = (size: number) => string

const part = (type: string, text: string, foreign: boolean) =>
  `Content-Type: ${type}; charset=${foreign ? 'utf-8' : 'us-ascii'}\r\nContent-Transfer-Encoding: ${foreign ? '8bit' : '7bit'}\r\n\r\n${text}`

const plain = (text: Text, random: Random, foreign: boolean) =>
  part('text/plain', text(between(random, 300, 1500)), foreign)

function alternative(text: Text, n: number, foreign: boolean): string {
  const edge = `=_alternative.${n}`
  const html = `<html><body>\r\n${text(12_500).replace(/\r\n/g, '<br>\r\n')}</body></html>\r\n`
  return (
    `Content-Type: multipart/alternative; boundary="${edge}"\r\n\r\n--${edge}\r\n${part('text/plain', text(5000), foreign)}` +
    `\r\n--${edge}\r\n${part('text/html', html, foreign)}\r\n--${edge}--\r\n`
  )
}

function mixed(text: Text, random: Random, n: number, attachment: string): string {
  const edge = `=_mixed.${n}`
  const at = below(random, (attachment.length - 300_000) / 78) * 78
  const size = between(random, 1900, 3000) * 78
  return (
    `Content-Type: multipart/mixed; boundary="${edge}"\r\n\r\n--${edge}\r\n${part('text/plain', text(3000), true)}\r\n--${edge}\r\n` +
    `Content-Type: application/pdf; name="paper${n}.pdf"\r\nContent-Disposition: attachment; filename="paper${n}.pdf"\r\n` +
    `Content-Transfer-Encoding: base64\r\n\r\n${attachment.slice(at, at + size)}--${edge}--\r\n`
  )
}
