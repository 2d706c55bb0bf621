// FETCH and UID FETCH (RFC 9051 §6.4.5; CHANGEDSINCE of RFC 7162 §3.1.4)
import type { Mailbox, MessageMeta, MessageStructure } from '../../store/mailbox-store.ts'
import { type Command, type Completion, defineCommand, no, ok, SELECTED, type Session } from '../command.ts'
import { MessageReader, writeBuffer } from '../message-reader.ts'
import { filterHeader } from '../sections.ts'
import type { View } from '../view.ts'
import { formatDateTime } from '../wire/dates.ts'
import { type Decoder, SyntaxFault } from '../wire/decoder.ts'
import { type FetchItem, type MetaItem, parseFetchItems, type StructureItem } from '../wire/fetch-items.ts'
import { parseSequenceSet, type SequenceSet } from '../wire/sequence-set.ts'

interface FetchArguments {
  readonly set: SequenceSet
  readonly items: readonly FetchItem[]
  readonly changedSince: number | null
}

type SectionItem = Extract<FetchItem, { kind: 'section' }>

/** Messages whose structures and headers are held at once, where an answer needs more than one source. */
const SLICE = 256
const MAX_MODIFIERS = 5

function parse(args: Decoder): FetchArguments {
  args.space()
  const set = parseSequenceSet(args.sequenceText())
  args.space()
  const items = parseFetchItems(args)
  let changedSince: number | null = null
  if (!args.atEnd) {
    args.space()
    args.list(
      () => {
        if (args.keyword('fetch modifier') !== 'CHANGEDSINCE') throw new SyntaxFault('Unknown fetch modifier')
        args.space()
        changedSince = args.number64('mod-sequence')
      },
      MAX_MODIFIERS,
      1,
    )
  }
  return { set, items, changedSince }
}

async function run(session: Session, args: FetchArguments, byUid: boolean): Promise<Completion> {
  const { view } = session
  const expunge = byUid // RFC 9051 §7.5.1: not while answering FETCH
  let uids = view.resolve(args.set, byUid)
  const items = [...args.items]
  // RFC 9051 §6.4.9: UID FETCH always tells the UID
  if (byUid && !items.some(isMeta('UID'))) items.unshift({ kind: 'meta', name: 'UID' })
  if (args.changedSince !== null) {
    uids = changed(session, uids, args.changedSince)
    if (!items.some(isMeta('MODSEQ'))) items.push({ kind: 'meta', name: 'MODSEQ' })
  }
  // RFC 7162 §3.1: asking for mod-sequences switches them on
  if (items.some(isMeta('MODSEQ'))) session.condstore = true
  const seen = await markSeen(session, uids, items)
  const fetch = new Fetch(session, items, seen)
  await fetch.send(uids)
  if (fetch.refusal) return { ...fetch.refusal, expunge }
  if (fetch.missed) {
    const gone = uids.some((uid) => view.mailbox.meta(uid) === null)
    const [code, text] = gone
      ? ['EXPUNGEISSUED', 'Some of the messages no longer exist']
      : ['UNAVAILABLE', 'Some of the messages cannot be read now']
    return { ...no(code!, text!), expunge }
  }
  return ok('Done', { expunge })
}

const isMeta = (name: MetaItem) => (item: FetchItem) => item.kind === 'meta' && item.name === name

const changed = (session: Session, uids: Uint32Array, since: number): Uint32Array =>
  uids.filter((uid) => (session.view.mailbox.meta(uid)?.modSeq ?? 0) > since)

/** Sections fetched without PEEK set \Seen, all before anything is sent. Gives the messages that it changed. */
async function markSeen(
  session: Session,
  uids: Uint32Array,
  items: readonly FetchItem[],
): Promise<ReadonlySet<number>> {
  const { view } = session
  if (session.readOnly || !items.some((item) => item.kind === 'section' && !item.peek)) return NONE
  const unseen: number[] = []
  for (const uid of uids) if (view.mailbox.meta(uid)?.flags.includes('\\Seen') === false) unseen.push(uid)
  if (unseen.length === 0 || (await session.gate('flag', view.mailbox.name)) !== null) return NONE
  await view.mailbox.store(unseen, 'add', ['\\Seen'])
  const changedHere = new Set(unseen)
  // told with the messages themselves; what others changed meanwhile is told now
  for (const uid of view.takeFlagged()) {
    if (!changedHere.has(uid)) view.tellFlags((text) => session.text(text), uid, true, session.condstore)
  }
  return changedHere
}

const NONE: ReadonlySet<number> = new Set()

/** One FETCH: items grouped by where they come from, sent message by message. */
class Fetch {
  missed = false
  refusal: Completion | null = null
  readonly #session: Session
  readonly #metas: readonly MetaItem[]
  readonly #structures: readonly StructureItem[]
  /** Sections that the store gives without the whole message. */
  readonly #headers: readonly SectionItem[]
  readonly #sections: readonly SectionItem[]
  readonly #seen: ReadonlySet<number>

  constructor(session: Session, items: readonly FetchItem[], seen: ReadonlySet<number>) {
    this.#session = session
    this.#seen = seen
    const sections = items.filter((item) => item.kind === 'section')
    const wholeMessages = sections.some((item) => !isHeader(item))
    this.#metas = [...new Set(items.filter((item) => item.kind === 'meta').map((item) => item.name))]
    this.#structures = items.filter((item) => item.kind === 'structure').map((item) => item.name)
    this.#headers = wholeMessages ? [] : sections
    this.#sections = wholeMessages ? sections : []
  }

  async send(uids: Uint32Array): Promise<void> {
    const sources = (this.#structures.length > 0 ? 1 : 0) + this.#headers.length + (this.#sections.length > 0 ? 1 : 0)
    if (sources === 0) return this.#sendMeta(uids)
    if (sources === 1 && this.#structures.length > 0) return this.#sendStructures(uids)
    if (sources === 1 && this.#headers.length > 0) return this.#sendHeaders(uids, this.#headers[0]!)
    for (let at = 0; at < uids.length; at += SLICE) await this.#sendSlice(uids.subarray(at, at + SLICE))
  }

  async #sendMeta(uids: Uint32Array): Promise<void> {
    const { out } = this.#session
    for (let i = 0; i < uids.length; i++) {
      const head = this.#head(uids[i]!)
      if (head !== null) out.text(`${head})\r\n`)
      if ((i & 63) === 63) {
        const pause = this.#session.breathe()
        if (pause) await pause
      }
    }
  }

  async #sendStructures(uids: Uint32Array): Promise<void> {
    const { out } = this.#session
    let told = 0
    for await (const batch of this.#session.view.mailbox.structures(uids)) {
      for (const structure of batch) {
        const head = this.#head(structure.uid)
        if (head !== null) out.text(`${head}${this.#gap(structure.uid)}${this.#structureText(structure)})\r\n`)
        if ((++told & 15) !== 0) continue
        const pause = this.#session.breathe()
        if (pause) await pause
      }
    }
    if (told < uids.length) this.missed = true
  }

  async #sendHeaders(uids: Uint32Array, item: SectionItem): Promise<void> {
    const { out } = this.#session
    let told = 0
    for await (const batch of this.#headerBatches(uids, item)) {
      for (const { uid, header } of batch) {
        const head = this.#head(uid)
        if (head !== null) {
          out.text(head + this.#gap(uid))
          writeBuffer(this.#session, item, header)
          out.text(')\r\n')
        }
        if ((++told & 15) !== 0) continue
        const pause = this.#session.breathe()
        if (pause) await pause
      }
    }
    if (told < uids.length) this.missed = true
  }

  async #sendSlice(uids: Uint32Array): Promise<void> {
    const structures = new Map<number, MessageStructure>()
    if (this.#structures.length > 0) {
      for await (const batch of this.#session.view.mailbox.structures(uids))
        for (const s of batch) structures.set(s.uid, s)
    }
    const headers: Map<number, Buffer>[] = []
    for (const item of this.#headers) {
      const found = new Map<number, Buffer>()
      for await (const batch of this.#headerBatches(uids, item)) for (const h of batch) found.set(h.uid, h.header)
      headers.push(found)
    }
    if (this.#sections.length > 0) return this.#sendMessages(uids, structures)
    for (const uid of uids) {
      const head = this.#begin(uid, structures)
      if (head === null) continue
      let gap = this.#structures.length > 0 ? ' ' : this.#gap(uid)
      this.#headers.forEach((item, i) => {
        this.#session.text(gap)
        writeBuffer(this.#session, item, headers[i]!.get(uid) ?? Buffer.alloc(0))
        gap = ' '
      })
      this.#session.text(')\r\n')
      await this.#session.breathe()
    }
  }

  async #sendMessages(uids: Uint32Array, structures: ReadonlyMap<number, MessageStructure>): Promise<void> {
    let told = 0
    for await (const { uid, message } of this.#session.view.mailbox.messages(uids)) {
      try {
        told++
        const head = this.#begin(uid, structures)
        if (head === null) continue
        const reader = new MessageReader(this.#session, uid, message)
        let gap = this.#structures.length > 0 ? ' ' : this.#gap(uid)
        for (const item of this.#sections) {
          this.#session.text(gap)
          await reader.write(item)
          gap = ' '
        }
        this.refusal ??= reader.refusal
        this.#session.text(')\r\n')
        const pause = this.#session.breathe()
        if (pause) await pause
      } finally {
        message.close()
      }
    }
    if (told < uids.length) this.missed = true
  }

  #headerBatches(uids: Uint32Array, { section }: SectionItem) {
    const { mailbox } = this.#session.view
    if (section.text === 'HEADER.FIELDS') return mailbox.headers(uids, section.fields)
    if (section.text === 'HEADER') return asTheyStand(mailbox, mailbox.headers(uids))
    return without(mailbox.headers(uids), section.fields)
  }

  /** Writes a response up to its last meta item or structure; null when the message is gone. */
  #begin(uid: number, structures: ReadonlyMap<number, MessageStructure>): string | null {
    let head = this.#head(uid)
    const structure = structures.get(uid)
    if (head === null || (this.#structures.length > 0 && !structure)) {
      this.missed = true
      return null
    }
    if (structure) head += this.#gap(uid) + this.#structureText(structure)
    this.#session.text(head)
    return head
  }

  #structureText(structure: MessageStructure): string {
    let text = ''
    for (let i = 0; i < this.#structures.length; i++) {
      const name = this.#structures[i]!
      text += `${i > 0 ? ' ' : ''}${name} ${textOf(structure, name)}`
    }
    return text
  }

  /** `* n FETCH (` with the items that need no message; null when it is gone. */
  #head(uid: number): string | null {
    const { view } = this.#session
    const meta = view.mailbox.meta(uid)
    if (meta === null) {
      this.missed = true
      return null
    }
    let text = `* ${view.sequence(uid)} FETCH (`
    for (let i = 0; i < this.#metas.length; i++) text += (i > 0 ? ' ' : '') + metaText(view, meta, this.#metas[i]!)
    if (this.#tellsSeen(uid)) text += `${this.#metas.length > 0 ? ' ' : ''}${metaText(view, meta, 'FLAGS')}`
    return text
  }

  /** \\Seen was set by this FETCH, which did not ask for FLAGS. */
  #tellsSeen(uid: number): boolean {
    return this.#seen.size > 0 && this.#seen.has(uid) && !this.#metas.includes('FLAGS')
  }

  /** A space before the item after the head, unless it is the first. */
  #gap(uid: number): string {
    return this.#metas.length > 0 || this.#tellsSeen(uid) ? ' ' : ''
  }
}

const isHeader = ({ section, decode }: SectionItem): boolean =>
  decode === 'none' && section.path.length === 0 && section.text !== null && section.text !== 'TEXT'

type HeaderBatches = AsyncIterable<readonly { readonly uid: number; readonly header: Buffer }[]>

/** A message that ends with its header has no empty line (RFC 9051 §6.4.5.1), which the store's header blocks all have. */
async function* asTheyStand(mailbox: Mailbox, batches: HeaderBatches) {
  for await (const batch of batches) {
    yield batch.map(({ uid, header }) => ({ uid, header: header.subarray(0, mailbox.meta(uid)?.size) }))
  }
}

async function* without(batches: HeaderBatches, fields: readonly string[]) {
  for await (const batch of batches) {
    yield batch.map(({ uid, header }) => ({ uid, header: filterHeader(header, fields, true) }))
  }
}

function textOf(structure: MessageStructure, name: StructureItem): string {
  if (name === 'ENVELOPE') return structure.envelope
  return name === 'BODY' ? structure.body : structure.bodyStructure
}

function metaText(view: View, meta: MessageMeta, name: MetaItem): string {
  switch (name) {
    case 'FLAGS':
      return `FLAGS ${flagsText(view.flagsOf(meta))}`
    case 'UID':
      return `UID ${meta.uid}`
    case 'RFC822.SIZE':
      return `RFC822.SIZE ${meta.size}`
    case 'INTERNALDATE':
      return `INTERNALDATE ${formatDateTime(meta.internalDate)}`
    case 'MODSEQ':
      return `MODSEQ (${meta.modSeq})`
    case 'SAVEDATE':
      return `SAVEDATE ${formatDateTime(meta.saveDate)}` // RFC 8514
    case 'EMAILID':
      return `EMAILID (${meta.emailId})` // RFC 8474 §5
    case 'THREADID':
      return `THREADID (${meta.threadId})`
  }
}

let lastFlags: readonly string[] = []
let lastFlagsText = '()'

/** Neighbours mostly have the same flags, and stores give the same array for them. */
function flagsText(flags: readonly string[]): string {
  if (flags !== lastFlags) {
    lastFlags = flags
    lastFlagsText = `(${flags.join(' ')})`
  }
  return lastFlagsText
}

const command = (name: string, byUid: boolean): Command =>
  defineCommand({ name, states: SELECTED, parse, run: (session, args) => run(session, args, byUid) })

export const fetch = command('FETCH', false)
export const uidFetch = command('UID FETCH', true)
