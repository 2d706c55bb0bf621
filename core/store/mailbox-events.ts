// What an engine tells of a mailbox: its state to those that open it, its changes to those that have it open or listen to the account.
import type { EngineEvent, OpenedMailbox } from './engine.ts'
import type { MailboxState, MessageRow } from './mailbox-state.ts'

/** A mailbox that an engine holds in memory. */
export interface HeldMailbox {
  readonly id: number
  readonly account: string
  readonly name: string
  readonly state: MailboxState
  /** Sessions' mirrors of it. */
  readonly uses: number
}

const INDEX = 'estafeta-index.db'

/** The index of the account whose directory this is. */
export const indexPath = (directory: string): string => `${directory}/${INDEX}`

/** The mailbox as it is now, for the mirror of a session. `directory` is its account's. */
export function openedMailbox(
  { id, state }: HeldMailbox,
  directory: string,
  places: OpenedMailbox['places'],
): OpenedMailbox {
  return {
    id,
    facts: { ...state.facts },
    keywords: [...state.table.keywords],
    columns: state.snapshot(),
    places,
    index: indexPath(directory),
  }
}

export class MailboxEvents {
  readonly #emit: (event: EngineEvent) => void
  readonly #listening: (account: string) => boolean

  /** `listening`: some session wants to hear of the account's mailboxes that it has not open. */
  constructor(emit: (event: EngineEvent) => void, listening: (account: string) => boolean) {
    this.#emit = emit
    this.#listening = listening
  }

  /** `bases`: names of the files, where the mailbox has one a message. */
  appended(mailbox: HeldMailbox, rows: readonly MessageRow[], bases: readonly string[] | null): void {
    if (rows.length === 0) return
    const { id, uses, state } = mailbox
    if (uses > 0) this.#emit({ kind: 'appended', id, rows, bases, keywords: [...state.table.keywords] })
    else this.#elsewhere(mailbox, 'appended', uidsOf(rows), rows[0]!.modSeq)
  }

  flags(mailbox: HeldMailbox, uids: readonly number[], flags: readonly number[], modSeq: number): void {
    if (uids.length === 0) return
    const { id, uses, state } = mailbox
    if (uses > 0) this.#emit({ kind: 'flags', id, uids, flags, modSeq, keywords: [...state.table.keywords] })
    else this.#elsewhere(mailbox, 'flags', uids, modSeq)
  }

  expunged(mailbox: HeldMailbox, uids: readonly number[], modSeq: number): void {
    if (uids.length === 0) return
    if (mailbox.uses > 0) this.#emit({ kind: 'expunged', id: mailbox.id, uids, modSeq })
    else this.#elsewhere(mailbox, 'expunged', uids, modSeq)
  }

  /** It is no more what sessions knew. */
  deleted({ id, uses }: HeldMailbox): void {
    if (uses > 0) this.#emit({ kind: 'deleted', id })
  }

  /** `directory`: where its files lie now, where it has one a message. */
  renamed({ id, name, uses }: HeldMailbox, directory: string | null): void {
    if (uses > 0) this.#emit({ kind: 'renamed', id, name, directory })
  }

  #elsewhere(
    { account, name: mailbox }: HeldMailbox,
    change: 'appended' | 'flags' | 'expunged',
    uids: readonly number[],
    modSeq: number,
  ): void {
    if (this.#listening(account)) this.#emit({ kind: 'elsewhere', account, mailbox, change, uids, modSeq })
  }
}

export const uidsOf = (rows: readonly MessageRow[]): number[] => rows.map(({ uid }) => uid)
