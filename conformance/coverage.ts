// What the suites cover: their cases by RFC and section, the titles of the RFCs, and what cannot be seen from outside.
import type { CaseFacts } from './types.ts'

export interface CoveredSection {
  /** `§4.1.1.4`, a rule of a grammar, `§9 fetch`, or `–` for the whole. */
  readonly section: string
  readonly cases: readonly CaseFacts[]
}

export interface CoveredDocument {
  /** `RFC 5321`, or the name of a draft. */
  readonly name: string
  readonly title: string
  readonly sections: readonly CoveredSection[]
}

const compare = new Intl.Collator('en', { numeric: true }).compare

/** By number, and by section as sections are counted. Throws for a case whose section has another form. */
export function coverageOf(cases: readonly CaseFacts[]): readonly CoveredDocument[] {
  const documents = new Map<string, Map<string, CaseFacts[]>>()
  for (const one of cases) {
    const [, name, section = '–'] = /^(RFC \d+|draft-[\w-]+)(?: (§\w[\w.]*(?: [\w-]+)?))?$/.exec(one.rfc) ?? []
    if (name === undefined) throw new Error(`${one.id}: no section in "${one.rfc}"`)
    const sections = documents.get(name) ?? new Map<string, CaseFacts[]>()
    documents.set(name, sections.set(section, [...(sections.get(section) ?? []), one]))
  }
  return [...documents]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, sections]) => ({
      name,
      title: RFC_TITLES[Number(name.slice(4))] ?? 'a draft',
      sections: [...sections]
        .sort(([a], [b]) => compare(a, b))
        .map(([section, found]) => ({ section, cases: found.toSorted((a, b) => compare(a.id, b.id)) })),
    }))
}

export const RFC_TITLES: { readonly [number: number]: string } = {
  1870: 'SMTP: message size declaration',
  1939: 'POP3',
  2033: 'LMTP',
  2034: 'SMTP: enhanced error codes',
  2045: 'MIME, part one: format of message bodies',
  2046: 'MIME, part two: media types',
  2177: 'IMAP: IDLE',
  2342: 'IMAP: NAMESPACE',
  2449: 'POP3: extension mechanism',
  2595: 'TLS with IMAP and POP3',
  2683: 'IMAP: recommendations for implementers',
  2920: 'SMTP: command pipelining',
  2971: 'IMAP: ID',
  3030: 'SMTP: large and binary MIME messages (CHUNKING, BINARYMIME)',
  3206: 'POP3: SYS and AUTH response codes',
  3207: 'SMTP: STARTTLS',
  3348: 'IMAP: CHILDREN',
  3461: 'SMTP: delivery status notifications',
  3463: 'Enhanced mail system status codes',
  3464: 'Format of delivery status notifications',
  3501: 'IMAP4rev1',
  3502: 'IMAP: MULTIAPPEND',
  3691: 'IMAP: UNSELECT',
  4314: 'IMAP: access control lists',
  4315: 'IMAP: UIDPLUS',
  4422: 'SASL',
  4467: 'IMAP: URLAUTH',
  4469: 'IMAP: CATENATE',
  4616: 'SASL: PLAIN',
  4731: 'IMAP: ESEARCH',
  4954: 'SMTP: AUTH',
  4959: 'IMAP: SASL-IR',
  4978: 'IMAP: COMPRESS',
  5032: 'IMAP: WITHIN',
  5034: 'POP3: AUTH',
  5161: 'IMAP: ENABLE',
  5256: 'IMAP: SORT and THREAD',
  5258: 'IMAP: LIST-EXTENDED',
  5267: 'IMAP: CONTEXT',
  5321: 'SMTP',
  5322: 'Internet message format',
  5464: 'IMAP: METADATA',
  5465: 'IMAP: NOTIFY',
  5466: 'IMAP: FILTERS',
  5819: 'IMAP: LIST-STATUS',
  5957: 'IMAP: SORT=DISPLAY',
  6152: 'SMTP: 8BITMIME',
  6154: 'IMAP: SPECIAL-USE',
  6409: 'Message submission',
  6522: 'The media type multipart/report',
  6531: 'SMTP: SMTPUTF8',
  6851: 'IMAP: MOVE',
  6855: 'IMAP: UTF-8',
  6856: 'POP3: UTF-8',
  7162: 'IMAP: CONDSTORE and QRESYNC',
  7377: 'IMAP: MULTISEARCH',
  7505: 'Null MX',
  7766: 'DNS over TCP',
  7888: 'IMAP: LITERAL+ and LITERAL-',
  7889: 'IMAP: APPENDLIMIT',
  8314: 'TLS for submission and access',
  8437: 'IMAP: UNAUTHENTICATE',
  8438: 'IMAP: STATUS=SIZE',
  8474: 'IMAP: OBJECTID',
  8508: 'IMAP: REPLACE',
  8514: 'IMAP: SAVEDATE',
  8970: 'IMAP: PREVIEW',
  9051: 'IMAP4rev2',
  9208: 'IMAP: QUOTA',
  9394: 'IMAP: PARTIAL',
  9585: 'IMAP: INPROGRESS',
  9586: 'IMAP: UIDONLY',
  9698: 'IMAP: JMAPACCESS',
  9738: 'IMAP: MESSAGELIMIT',
}

export interface Unseen {
  readonly rfc: string
  /** What is demanded, in our own words. */
  readonly what: string
  readonly why: string
}

/** Demands of the suites' RFCs that a client on the other side of a connection cannot judge. Written by hand. */
export const UNSEEN: readonly Unseen[] = [
  {
    rfc: 'RFC 1939 §3',
    what: 'A session with nothing to do is ended no sooner than after ten minutes.',
    why: 'A run would last longer than that for each case.',
  },
  {
    rfc: 'RFC 1939 §6',
    what: 'A session that ends without QUIT removes nothing; QUIT removes what was marked, and says so when it could not.',
    why: 'The first is judged; the failure to remove cannot be provoked from outside.',
  },
  {
    rfc: 'RFC 2177 §3',
    what: 'A client in IDLE is not logged out sooner than one that is not.',
    why: 'It takes half an hour to see.',
  },
  {
    rfc: 'RFC 2449 §6.5, §6.7',
    what: 'LOGIN-DELAY and EXPIRE say how often one may log in and how long messages are kept.',
    why: 'The form is judged; whether they are kept to takes minutes, or days.',
  },
  {
    rfc: 'RFC 3030 §3',
    what: 'A binary message is made fit for a next hop that takes none, or returned.',
    why: 'It needs a server that relays to the runner and takes BINARYMIME; of those tested none does.',
  },
  {
    rfc: 'RFC 3207 §5',
    what: 'What was learned before TLS is forgotten, on both sides.',
    why: 'What the server announces and remembers is judged; what it thinks of the client is not to be seen.',
  },
  {
    rfc: 'RFC 3461 §5.2, §6',
    what: 'Which notifications are sent for messages that are delivered here, relayed, or expanded into lists.',
    why: 'The smtp suites do not read mailboxes; the smtp-client suite judges the reports that come back to it.',
  },
  {
    rfc: 'RFC 3501 §2.3.1.1, RFC 9051 §2.3.1.1',
    what: 'UIDs outlive the server: no UID is given twice under one UIDVALIDITY, not after a restart or a restored backup either.',
    why: 'The runner does not restart servers; within the life of one server it is judged.',
  },
  {
    rfc: 'RFC 3501 §5.4, RFC 9051 §5.4',
    what: 'A session with nothing to do is ended no sooner than after thirty minutes.',
    why: 'A run would last longer than that for each case.',
  },
  {
    rfc: 'RFC 3501 §7.1, RFC 9051 §7.1',
    what: 'ALERT, EXPIRED, PRIVACYREQUIRED, CONTACTADMIN, CORRUPTION, SERVERBUG and others are sent when what they stand for has happened.',
    why: 'The causes cannot be brought about from outside.',
  },
  {
    rfc: 'RFC 4314 §4',
    what: 'Which right each command needs.',
    why: 'It takes a second account with rights in a mailbox of the first; commands, responses and the owner’s rights are judged.',
  },
  {
    rfc: 'RFC 4422 §3.7, §6',
    what: 'Security layers, and resistance to known attacks on mechanisms.',
    why: 'No server tested offers a layer without TLS; resistance is no answer on a connection.',
  },
  {
    rfc: 'RFC 5321 §2.3.10, §3.7',
    what: 'What relays and gateways change in a message, and what they must leave.',
    why: 'The smtp suite sees one side; the smtp-client suite compares what goes in with what comes out.',
  },
  {
    rfc: 'RFC 5321 §3.9',
    what: 'Mailing lists put their own address into the reverse-path, aliases leave it.',
    why: 'It needs lists and aliases set up on the server.',
  },
  {
    rfc: 'RFC 5321 §4.2.5, §6.1',
    what: 'After 250 the message is the server’s: it is delivered or reported, whatever happens to the machine.',
    why: 'The runner pulls no plugs.',
  },
  {
    rfc: 'RFC 5321 §4.4',
    what: 'Received goes on top of what was there, Return-Path at final delivery.',
    why: 'Only where the message comes out again: the smtp-client suite judges what is relayed, nobody what is in a mailbox.',
  },
  {
    rfc: 'RFC 5321 §4.5.3.2',
    what: 'How long each side waits for the other: five minutes for a command, ten after the end of a message.',
    why: 'A run would last longer than that for each case.',
  },
  {
    rfc: 'RFC 5321 §4.5.4.1',
    what: 'Attempts at least half an hour apart, for four or five days; hosts that failed are remembered.',
    why: 'It takes days. With --retry-wait, servers set to short pauses are seen to try again.',
  },
  {
    rfc: 'RFC 5321 §7',
    what: 'What operators should think about: spoofing, blind copies, VRFY and EXPN, scope of operation.',
    why: 'Advice on policy, not on answers.',
  },
  {
    rfc: 'RFC 6409 §8',
    what: 'What a submission server may add to or change in a message.',
    why: 'Permitted, not demanded, and to be seen only where the message goes.',
  },
  {
    rfc: 'RFC 6531 §3.6',
    what: 'What is done with an internationalized message on the way to a server without SMTPUTF8.',
    why: 'The smtp suite sees one side; the smtp-client suite judges that nothing is sent that the next hop does not take.',
  },
  {
    rfc: 'RFC 7162 §3.1',
    what: 'Mod-sequences grow for ever, over restarts too.',
    why: 'The runner does not restart servers.',
  },
  {
    rfc: 'RFC 8314 §3',
    what: 'TLS 1.2 or later, certificates that clients can verify, implicit TLS besides STARTTLS.',
    why: 'Certificates and ports are the operator’s; there are good tools that judge TLS alone.',
  },
  {
    rfc: 'RFC 9208 §4.3',
    what: 'OVERQUOTA when a quota would be exceeded.',
    why: 'It needs an account with a small quota; commands and responses are judged.',
  },
]
