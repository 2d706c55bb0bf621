// SEARCH and UID SEARCH (RFC 9051 §6.4.4; SEARCHRES of RFC 5182, WITHIN of RFC 5032, MODSEQ of RFC 7162 §3.1.5)
import type { SearchKey } from '../../store/mailbox-store.ts'
import { intersect } from '../../store/uid-set.ts'
import { type Command, type Completion, defineCommand, ok, SELECTED, type Session } from '../command.ts'
import {
  BadCharset,
  parseSearch,
  type ReturnOption,
  type SearchRequest,
  type WireSearchKey,
} from '../wire/search-keys.ts'
import { formatSet, LARGEST, normalizeSet, type SequenceSet } from '../wire/sequence-set.ts'

async function run(session: Session, tag: string, request: SearchRequest, byUid: boolean): Promise<Completion> {
  const { view } = session
  if (request.modSeq) session.condstore = true
  const found = await view.mailbox.search(resolve(session, request.key), session.signal)
  // what came after the client's view of the mailbox has no sequence number yet
  const uids = intersect(found, view.known)
  const chosen = request.returns ? returned(uids, request.returns) : uids
  const modSeq = request.modSeq ? highestModSeq(session, chosen) : null // RFC 4731 §3.2
  if (request.returns?.includes('SAVE')) view.saved = chosen
  const numbers = byUid ? uids : sequences(view.known, uids)
  // RFC 9051 §6.4.4: IMAP4rev2 knows ESEARCH alone
  const returns = request.returns ?? (session.rev2 ? (['ALL'] as const) : null)
  if (returns?.every((option) => option === 'SAVE')) return ok('Saved', { expunge: byUid }) // RFC 5182 §2.1
  if (returns) session.text(extended(tag, byUid, numbers, returns, modSeq))
  else
    session.text(
      `* SEARCH${numbers.length > 0 ? ` ${numbers.join(' ')}` : ''}${modSeq ? ` (MODSEQ ${modSeq})` : ''}\r\n`,
    )
  return ok('Done', { expunge: byUid })
}

/** RFC 5182 §2.1: MIN and MAX alone return and save just these. */
function returned(uids: Uint32Array, returns: readonly ReturnOption[]): Uint32Array {
  if (returns.includes('ALL') || returns.includes('COUNT') || uids.length === 0) return uids
  const ends = [...(returns.includes('MIN') ? [uids[0]!] : []), ...(returns.includes('MAX') ? [uids.at(-1)!] : [])]
  return ends.length === 0 ? uids : Uint32Array.from(new Set(ends))
}

function extended(
  tag: string,
  byUid: boolean,
  numbers: Uint32Array,
  returns: readonly ReturnOption[],
  modSeq: number | null,
): string {
  let text = `* ESEARCH (TAG "${tag.replace(/["\\]/g, '\\$&')}")${byUid ? ' UID' : ''}`
  if (numbers.length > 0) {
    if (returns.includes('MIN')) text += ` MIN ${numbers[0]}`
    if (returns.includes('MAX')) text += ` MAX ${numbers.at(-1)}`
    if (returns.includes('ALL')) text += ` ALL ${formatSet(numbers)}`
  }
  if (returns.includes('COUNT')) text += ` COUNT ${numbers.length}`
  return `${text}${modSeq && numbers.length > 0 ? ` MODSEQ ${modSeq}` : ''}\r\n`
}

function sequences(known: Uint32Array, uids: Uint32Array): Uint32Array {
  const numbers = new Uint32Array(uids.length)
  for (let i = 0, at = 0; i < uids.length; i++) {
    while (known[at]! < uids[i]!) at++
    numbers[i] = at + 1
  }
  return numbers
}

function highestModSeq(session: Session, uids: Uint32Array): number | null {
  let highest = 0
  for (const uid of uids) highest = Math.max(highest, session.view.mailbox.meta(uid)?.modSeq ?? 0)
  return highest || null
}

/** The store's keys: sequence sets become UIDs, ages become the messages that have them. */
function resolve(session: Session, key: WireSearchKey): SearchKey {
  switch (key.kind) {
    case 'recent':
      return { kind: 'uids', uids: session.view.recentUids() }
    case 'and':
    case 'or':
      return { kind: key.kind, keys: key.keys.map((one) => resolve(session, one)) }
    case 'not':
      return { kind: 'not', key: resolve(session, key.key) }
    case 'sequence':
      return { kind: 'uids', uids: inView(session, key.set) }
    case 'uid':
      return { kind: 'uids', uids: session.view.resolve(key.set, true) }
    case 'younger':
    case 'older':
      return { kind: 'uids', uids: within(session, key.kind, key.seconds) }
    default:
      return key
  }
}

/** A set within SEARCH names what is there of it: numbers beyond the last match nothing. */
function inView(session: Session, set: SequenceSet): Uint32Array {
  if (set === '$') return session.view.resolve(set, false)
  const { known } = session.view
  const uids: number[] = []
  for (const [from, to] of normalizeSet(set, known.length)) {
    for (let n = Math.max(from, LARGEST + 1); n <= Math.min(to, known.length); n++) uids.push(known[n - 1]!)
  }
  return Uint32Array.from(uids)
}

/** RFC 5032 §3: by internal date, in seconds before now. */
function within(session: Session, kind: 'younger' | 'older', seconds: number): Uint32Array {
  const { mailbox, known } = session.view
  const limit = session.clock.now() - seconds * 1000
  return known.filter((uid) => {
    const date = mailbox.meta(uid)?.internalDate
    return date !== undefined && (kind === 'younger' ? date >= limit : date <= limit)
  })
}

type Prepared = ReturnType<Command['prepare']>

function command(name: string, byUid: boolean): Command {
  const defined = defineCommand({
    name,
    states: SELECTED,
    parse: (args, { tag }) => ({ tag, request: parseSearch(args) }),
    run: (session, { tag, request }) => run(session, tag, request, byUid),
  })
  return { ...defined, prepare: (input) => clearing(() => defined.prepare(input)) }
}

/** RFC 9051 §6.4.4.1: SEARCH with SAVE that ends in NO leaves nothing saved. */
function clearing(prepare: () => Prepared): Prepared {
  try {
    return prepare()
  } catch (thrown) {
    if (!(thrown instanceof BadCharset && thrown.saving)) throw thrown
    return (session) => {
      session.view.saved = new Uint32Array(0)
      throw thrown
    }
  }
}

export const search = command('SEARCH', false)
export const uidSearch = command('UID SEARCH', true)
