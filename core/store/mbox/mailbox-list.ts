// What an mbox file cannot hold, kept beside it: UIDVALIDITY, next UID, the mailbox's id, and for each message its UID, dates and mod-sequence.

export interface ListedMessage {
  readonly uid: number
  /** Of its header without status fields: how it is known again. */
  readonly hash: bigint
  readonly modSeq: number
  readonly internalDate: number
  readonly saveDate: number
}

export interface MailboxList {
  readonly uidValidity: number
  readonly uidNext: number
  readonly guid: string
  readonly highestModSeq: number
  readonly keywords: readonly (string | null)[]
  /** In the order of the file. */
  readonly messages: readonly ListedMessage[]
}

const HEAD = /^1 V(\d+) N(\d+) G([0-9a-f]{32}) M(\d+)$/

/** null when it is none. A line that was cut off ends the list. */
export function parseMailboxList(octets: Buffer): MailboxList | null {
  const [head, keywords, ...lines] = octets.toString('utf8').split('\n')
  const m = HEAD.exec(head ?? '')
  if (!m || keywords === undefined) return null
  const messages: ListedMessage[] = []
  for (const line of lines.slice(0, -1)) {
    const [uid, hash, modSeq, internalDate, saveDate] = line.split(' ')
    if (!/^[0-9a-f]{16}$/.test(hash ?? '') || saveDate === undefined) break
    messages.push({
      uid: Number(uid),
      hash: BigInt(`0x${hash}`),
      modSeq: Number(modSeq),
      internalDate: Number(internalDate),
      saveDate: Number(saveDate),
    })
  }
  return {
    uidValidity: Number(m[1]),
    uidNext: Number(m[2]),
    guid: m[3]!,
    highestModSeq: Number(m[4]),
    keywords: keywords.split(' ').map((keyword) => keyword || null),
    messages,
  }
}

export function formatMailboxList(list: MailboxList): Buffer {
  const lines = list.messages.map(
    ({ uid, hash, modSeq, internalDate, saveDate }) =>
      `${uid} ${hash.toString(16).padStart(16, '0')} ${modSeq} ${internalDate} ${saveDate}\n`,
  )
  const keywords = list.keywords.map((keyword) => keyword ?? '').join(' ')
  const head = `1 V${list.uidValidity} N${list.uidNext} G${list.guid} M${list.highestModSeq}`
  return Buffer.from(`${head}\n${keywords}\n${lines.join('')}`)
}
