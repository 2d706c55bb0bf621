// Where a fault reaches into the reference sender: at each seam, a function of what a correct sender would do or say.
import type { Reply, Result, Step } from './sender-client.ts'
import type { Message, Origin, Recipient } from './sender-mail.ts'
import type { Answer, Exchange, Found, Question } from './sender-names.ts'

/** What an outgoing session knows. */
export interface Scene {
  readonly message: Message
  readonly recipients: readonly Recipient[]
  /** 1 is the first. */
  readonly attempt: number
  /** How many messages went over this connection before. */
  readonly nth: number
  readonly address: string
  readonly tls: boolean
  readonly offers: ReadonlyMap<string, string>
  /** What was answered so far, `greeting` and `text` among the commands. */
  readonly heard: readonly { readonly to: string; readonly reply: Reply }[]
}

/** An attempt at one domain. */
export interface Attempt {
  readonly message: Message
  readonly domain: string
  readonly recipients: readonly Recipient[]
  readonly count: number
}

/** For how long a reply is waited for, and what is taken for it then; null: the connection is given up. */
export interface Wait {
  readonly ms: number
  readonly supposed: string | null
}

export interface Deviation {
  // a message is taken in
  /** The reply to its text. */
  accepts?(reply: string, message: Message): string
  /** Its Received field, folded, with CRLF. */
  received?(field: string, message: Message, origin: Origin): string
  /** What is queued of it, Received and all, and what came. */
  queues?(message: Message, came: Message): Message
  /** Which recipients share a transaction. */
  groups?(groups: readonly (readonly Recipient[])[], message: Message): readonly (readonly Recipient[])[]

  // hosts are looked up
  answer?(answer: Answer, question: Question): Answer
  /** Whether an MX is the sender itself. */
  isItself?(itself: boolean, host: string): boolean
  /** MX in the order in which they will be tried, and all of them, ourselves among them. */
  exchanges?(exchanges: readonly Exchange[], domain: string, all: readonly Exchange[]): readonly Exchange[]
  /** Addresses of one host. */
  addresses?(addresses: readonly string[], host: string): readonly string[]
  found?(found: Found, attempt: Attempt): Found
  /** Whether the next address is tried. */
  movesOn?(next: boolean, results: readonly Result[], attempt: Attempt): boolean

  // a session
  next?(step: Step, after: Step, scene: Scene): Step
  /** A command line with its CRLF; of several lines the last one's reply counts; where none is sent, it counts as granted. */
  command?(line: string, scene: Scene): string | readonly string[]
  waits?(command: string, scene: Scene): Wait | null
  /** Octets as they come. */
  packet?(octets: string, scene: Scene): string
  /** Whether the line ends the reply to the command. */
  ends?(last: boolean, lines: readonly string[], command: string): boolean
  /** A line of a reply; null when it is taken for none, and the connection is given up. */
  line?(line: string, command: string): string | null
  /** What stays to be read behind the reply to a command, or when TLS begins: `handshake`. */
  unread?(octets: string, command: string): string
  reply?(reply: Reply, command: string, scene: Scene): Reply
  /** Why the message cannot go to this server. */
  hinders?(reply: Reply | null, scene: Scene): Reply | null
  offers?(offers: ReadonlyMap<string, string>, scene: Scene): ReadonlyMap<string, string>
  /** The text as it is to arrive. */
  text?(text: string, scene: Scene): string
  /** Octets between 354 and the reply, from the text's first to the final period's CRLF. */
  data?(octets: string, scene: Scene): string
  /** Octets of BDAT, its command included. */
  chunk?(octets: string, scene: Scene): string
  /** Which recipients each reply to RCPT is about. */
  rcpts?(replies: readonly Reply[], scene: Scene): readonly Reply[]
  /** What becomes of the recipients. */
  results?(results: readonly Result[], scene: Scene): readonly Result[]

  // what follows
  /** Who is tried again. */
  again?(recipients: readonly Recipient[], results: readonly Result[], attempt: Attempt): readonly Recipient[]
  /** Whose results are reported. */
  reports?(
    results: readonly Result[],
    action: 'failed' | 'delayed' | 'relayed',
    all: readonly Result[],
    attempt: Attempt,
  ): readonly Result[]
  /** Where a report goes; null: nowhere. */
  addressee?(path: string | null, about: Message): string | null
  report?(report: Message, about: Message, results: readonly Result[]): Message
}
