// What the reference server for SMTP, submission and LMTP can say wrong, a fault a line, each written from its RFC.
import type { Situation } from './smtp-replies.ts'

type Replies = { readonly [situation in Situation]?: string }

type Lines = { readonly [keyword: string]: string | null }

/** Faults that are nothing but a wrong reply: what is wrong, and what is said instead (`\n` between the lines of one reply). */
export const REPLY_FAULTS = {
  'greeting-250': ['greeted by 250, RFC 5321 §3.1', { greeting: '250 mx.example.org ESMTP' }],
  'greeting-silent': ['no greeting at all, RFC 5321 §3.1', { greeting: '' }],
  'greeting-no-domain': ['a greeting without the domain, RFC 5321 §4.2', { greeting: '220 *** welcome ***' }],
  'greeting-twice': [
    'two greetings, RFC 5321 §3.1',
    { greeting: '220 mx.example.org ESMTP\r\n220 mx.example.org ready' },
  ],
  'greeting-bare': ['a greeting that is a code alone, RFC 5321 §4.2', { greeting: '220' }],
  'helo-refused': ['HELO is not known, RFC 5321 §4.1.1.1', { helo: '502 5.5.1 say EHLO' }],
  'helo-no-domain': ['no domain in the reply to HELO, RFC 5321 §4.1.1.1', { helo: '250 *at your service*' }],
  'hello-syntax-555': ['555 for an EHLO without name, RFC 5321 §4.1.4', { 'hello-syntax': '555 5.5.4 no' }],
  'hello-syntax-450': ['450 for an EHLO without name, RFC 5321 §4.1.4', { 'hello-syntax': '450 4.5.4 no' }],
  'unknown-560': ['an unknown command answered by 560, RFC 5321 §4.2', { unknown: '560 5.5.1 no' }],
  'unknown-599': ['an unknown command answered by 599, RFC 5321 §4.2', { unknown: '599 5.5.1 no' }],
  'rset-240': ['RSET answered by 240, RFC 5321 §4.2', { rset: '240 2.0.0 ok' }],
  'helo-two-lines': ['HELO answered by two lines, RFC 5321 §4.1.1.1', { helo: '250 mx.example.org\nPIPELINING' }],
  'ehlo-refused': ['EHLO is not known, RFC 5321 §4.5.1', { ehlo: '502 5.5.1 say HELO' }],
  'ehlo-251': ['EHLO answered by 251, RFC 5321 §4.1.1.1', { ehlo: '251 mx.example.org at your service' }],
  'ehlo-no-domain': ['no domain in the reply to EHLO, RFC 5321 §4.1.1.1', { ehlo: '250 *at your service*' }],
  'ehlo-enhanced': ['an enhanced code in the reply to EHLO, RFC 2034 §4', { ehlo: '250 2.0.0 mx.example.org' }],
  'mail-251': ['MAIL accepted by 251, RFC 5321 §3.3', { mail: '251 2.1.0 sender ok' }],
  'mail-550': ['MAIL refused whoever sends, RFC 5321 §3.3', { mail: '550 5.7.1 not today' }],
  'mail-bad-path-450': ['450 for a bad path, RFC 5321 §4.1.4', { 'mail-syntax': '450 4.1.7 no' }],
  'mail-nested-501': ['a nested MAIL answered by 501, RFC 5321 §4.1.4', { 'mail-nested': '501 5.5.1 no' }],
  'mail-bad-path-503': ['a bad path answered by 503, RFC 5321 §4.1.4', { 'mail-syntax': '503 5.5.1 no' }],
  'parameter-unknown-501': [
    '501 for an unknown parameter, RFC 5321 §4.1.1.11',
    { 'parameter-unknown': '501 5.5.4 no' },
  ],
  'rcpt-354': ['RCPT answered by 354, RFC 5321 §3.3', { rcpt: '354 2.1.5 go on' }],
  'rcpt-early-501': ['RCPT without MAIL answered by 501, RFC 5321 §3.3', { 'rcpt-early': '501 5.5.1 no' }],
  'rcpt-many-450': ['450 for a recipient too many, RFC 5321 §4.5.3.1.10', { 'rcpt-many': '450 4.5.3 no' }],
  'data-early-501': ['501 for DATA without MAIL, RFC 5321 §4.3.2', { 'data-early': '501 5.5.1 no' }],
  'data-250': ['DATA answered by 250, RFC 5321 §4.1.1.4', { data: '250 2.0.0 go on' }],
  'message-251': ['a message acknowledged by 251, RFC 5321 §4.1.1.4', { message: '251 2.0.0 taken' }],
  'message-silent': ['a message not acknowledged, RFC 5321 §4.1.1.4', { message: '' }],
  'rset-220': ['RSET answered by 220, RFC 5321 §4.1.1.5', { rset: '220 2.0.0 ok' }],
  'noop-two-replies': ['NOOP answered twice, RFC 5321 §4.2', { noop: '250 2.0.0 ok\r\n250 2.0.0 ok' }],
  'rset-two-replies': ['RSET answered twice, RFC 5321 §4.2', { rset: '250 2.0.0 ok\r\n250 2.0.0 ok' }],
  'noop-silent': ['NOOP not answered, RFC 5321 §4.2', { noop: '' }],
  'noop-200': ['NOOP answered by 200, RFC 5321 §4.1.1.9', { noop: '200 2.0.0 ok' }],
  'help-502': ['HELP not implemented, RFC 5321 §4.1.1.8', { help: '502 5.5.1 no' }],
  'vrfy-502': ['VRFY not implemented, RFC 5321 §4.5.1', { vrfy: '502 5.5.1 no', 'vrfy-unknown': '502 5.5.1 no' }],
  'expn-502': [
    'EXPN listed but not implemented, RFC 5321 §4.2.4',
    { expn: '502 5.5.1 no', 'expn-unknown': '502 5.5.1 no' },
  ],
  'help-250': ['HELP answered by 250, RFC 5321 §4.3.2', { help: '250 2.0.0 see RFC 5321' }],
  'help-one-enhanced': [
    'one enhanced code for two lines of HELP, RFC 2034 §4',
    { help: '214 2.0.0 see RFC 5321\nand more' },
  ],
  'turn-250': ['TURN taken, RFC 5321 §F.1', { 'not-implemented': '250 2.0.0 yours' }],
  'line-too-long-554': ['554 for a line too long, RFC 5321 §4.5.3.1.9', { 'line-too-long': '554 5.5.6 no' }],
  'vrfy-214': ['VRFY answered by 214, RFC 5321 §4.3.2', { vrfy: '214 2.0.0 hm', 'vrfy-unknown': '214 2.0.0 hm' }],
  'vrfy-source-route': ['a source route from VRFY, RFC 5321 §3.5.2', { vrfy: '250 2.1.5 <@a.example.org:{}>' }],
  'vrfy-not-usable': ['an address from VRFY that RCPT refuses, RFC 5321 §3.5.2', { vrfy: '250 2.1.5 <x.{}>' }],
  'vrfy-nothing-250': [
    'VRFY of nothing answered by 250, RFC 5321 §4.1.1.6',
    { 'vrfy-syntax': '250 2.1.5 <ana@example.org>' },
  ],
  'vrfy-utf8': [
    'UTF-8 in the reply to VRFY, RFC 6531 §3.7.4.2',
    { vrfy: '250 2.1.5 \xc3\xa9 <{}>', 'vrfy-unknown': '550 5.1.1 \xc3\xa9' },
  ],
  'expn-unknown-250': [
    'EXPN 250 for what is no list, RFC 5321 §3.5.3',
    { 'expn-unknown': '250 2.1.5 <who@example.org>' },
  ],
  'data-enhanced': ['an enhanced code in the 354, RFC 2034 §4', { data: '354 2.0.0 go on' }],
  'auth-challenge-enhanced': ['an enhanced code in the 334, RFC 2034 §4', { 'auth-challenge': '334 2.7.0' }],
  'data-502': ['DATA not implemented, RFC 3030 §2', { data: '502 5.5.1 say BDAT' }],
  'parameter-value-555': ['555 for a bad value of a parameter, RFC 3461 §5.1', { 'parameter-value': '555 5.5.4 no' }],
  'greeting-enhanced': [
    'an enhanced code in the greeting, RFC 2034 §4',
    { greeting: '220 2.0.0 mx.example.org ESMTP' },
  ],
  'helo-enhanced': ['an enhanced code in the reply to HELO, RFC 2034 §4', { helo: '250 2.0.0 mx.example.org' }],
  'rcpt-unknown-detail': ['X.3.4 for an unknown mailbox, RFC 3463 §3.2', { 'rcpt-unknown': '550 5.3.4 no' }],
  'rcpt-early-detail': ['X.1.1 for RCPT out of order, RFC 3463 §3.6', { 'rcpt-early': '503 5.1.1 no' }],
  'unknown-detail': ['X.1.1 for an unknown command, RFC 3463 §3.6', { unknown: '500 5.1.1 no' }],
  'parameter-detail': ['X.1.1 for an unknown parameter, RFC 3463 §3.6', { 'parameter-unknown': '555 5.1.1 no' }],
  'size-detail': ['X.1.1 for a message too large, RFC 3463 §3.4', { 'size-declared': '552 5.1.1 no' }],
  'auth-ok-detail': ['X.1.0 for a login, RFC 4954 §6', { 'auth-ok': '235 2.1.0 welcome' }],
  'auth-wrong-detail': ['X.1.1 for a wrong password, RFC 4954 §6', { 'auth-wrong': '535 5.1.1 no' }],
  'auth-mechanism-detail': ['X.1.1 for an unknown mechanism, RFC 4954 §6', { 'auth-mechanism': '504 5.1.1 no' }],
  'tls-wanted-550': ['550 where TLS is wanted first, RFC 3207 §4', { 'mail-tls': '550 5.7.0 no' }],
  'auth-challenge-bare': ['an empty challenge without its space, RFC 4954 §4', { 'auth-challenge': '334' }],
  'vrfy-no-domain': ['a mailbox without domain from VRFY, RFC 5321 §3.5.2', { vrfy: '250 2.1.5 <ana>' }],
  'vrfy-no-mailbox': ['no mailbox from VRFY, RFC 5321 §3.5.2', { vrfy: '250 2.1.5 ok' }],
  'vrfy-unknown-250': [
    'VRFY 250 for what is not here, RFC 5321 §3.5.3',
    { 'vrfy-unknown': '250 2.1.5 <who@example.org>' },
  ],
  'quit-250': ['QUIT answered by 250, RFC 5321 §4.1.1.10', { quit: '250 2.0.0 bye' }],
  'unknown-502': ['502 for an unknown command, RFC 5321 §4.2.4', { unknown: '502 5.5.1 no' }],
  'unknown-250': ['an unknown command taken, RFC 5321 §4.3.2', { unknown: '250 2.0.0 if you say so' }],
  'unknown-451': ['an unknown command answered by 451, RFC 5321 §4.3.2', { unknown: '451 4.3.0 later' }],
  'unknown-421-closes': ['an unknown command ends the session, RFC 5321 §3.8', { unknown: '421 4.3.0 bye' }],
  'unknown-silent': ['an unknown command not answered, RFC 5321 §4.2', { unknown: '' }],
  'size-declared-550': ['550 for a declared size above the limit, RFC 1870 §6.1', { 'size-declared': '550 5.3.4 no' }],
  'chunk-354': ['a chunk answered by 354, RFC 3030 §2', { chunk: '354 go on' }],
  'chunk-silent': ['a chunk not answered, RFC 3030 §2', { chunk: '' }],
  'data-after-bdat-501': ['501 for DATA behind BDAT, RFC 3030 §2', { 'data-after-bdat': '501 5.5.1 no' }],
  'data-binary-554': ['554 for DATA behind BINARYMIME, RFC 3030 §3', { 'data-binary': '554 5.5.1 no' }],
  'starttls-250': ['STARTTLS answered by 250, RFC 3207 §4', { starttls: '250 2.0.0 go ahead' }],
  'auth-250': ['a login answered by 250, RFC 4954 §4', { 'auth-ok': '250 2.7.0 welcome' }],
  'auth-challenge-text': ['PLAIN gets a challenge with text, RFC 4954 §4', { 'auth-challenge': '334 go on, please' }],
  'auth-challenge-250': ['250 in place of the challenge, RFC 4954 §4', { 'auth-challenge': '250 2.0.0 go on' }],
  'auth-wrong-501': ['501 for a wrong password, RFC 4954 §6', { 'auth-wrong': '501 5.5.4 no' }],
  'auth-mechanism-500': ['500 for an unknown mechanism, RFC 4954 §4', { 'auth-mechanism': '500 5.5.1 no' }],
  'auth-cancel-535': ['535 for a cancelled exchange, RFC 4954 §4', { 'auth-cancelled': '535 5.7.8 no' }],
  'auth-base64-535': ['535 for what is not base64, RFC 4954 §4', { 'auth-base64': '535 5.7.8 no' }],
  'auth-syntax-334': ['AUTH without mechanism gets a challenge, RFC 4954 §4', { 'auth-syntax': '334 ' }],
  'auth-again-235': ['a second login taken, RFC 4954 §4', { 'auth-again': '235 2.7.0 welcome again' }],
  'auth-transaction-501': ['501 for AUTH within a transaction, RFC 4954 §4', { 'auth-transaction': '501 5.5.1 no' }],
  'login-wanted-550': ['550 where a login is wanted, RFC 4954 §6', { 'mail-login': '550 5.7.0 log in' }],
  'login-wanted-detail': ['X.1.1 where a login is wanted, RFC 4954 §6', { 'mail-login': '530 5.1.1 no' }],
  'greeting-521': ['greeted by 521, RFC 6409 §7', { greeting: '521 mx.example.org takes no mail' }],
  'rights-553': ['553 for a foreign sender, RFC 6409 §6.1', { 'mail-rights': '553 5.7.1 no' }],
  'rcpt-bad-path-550': ['550 for what is no path, RFC 6409 §5.1', { 'rcpt-syntax': '550 5.1.3 no' }],
  'lmtp-hello-502': ['502 for HELO and EHLO, RFC 2033 §4.1', { 'wrong-hello': '502 5.5.1 no' }],
  'chunk-nobody-554': ['554 for a chunk for nobody, RFC 2033 §4.3', { 'chunk-nobody': '554 5.5.1 no' }],
  'lmtp-nobody-250': ['DATA for nobody answered by 250, RFC 2033 §4.2', { 'data-nobody': '250 2.0.0 nobody cares' }],
  'lmtp-nobody-554': ['DATA for nobody answered by 554, RFC 2033 §4.2', { 'data-nobody': '554 5.5.1 no' }],
} as const satisfies { readonly [name: string]: readonly [wrong: string, replies: Replies] }

/** Faults of the list of extensions: keyword → the line in its place, null for none. */
export const KEYWORD_FAULTS = {
  'keyword-underscore': ['a keyword with an underscore, RFC 5321 §4.1.1.1', { HELP: 'X_HELP' }],
  'keyword-two-spaces': ['two spaces before a parameter, RFC 5321 §4.1.1.1', { SIZE: 'SIZE  1000000' }],
  'keyword-empty': ['an empty line among the keywords, RFC 5321 §4.1.1.1', { HELP: '' }],
  'expn-unlisted': [
    'EXPN works and is not listed, RFC 5321 §3.5.2',
    { EXPN: null },
    { 'expn-unknown': '252 2.0.0 maybe' },
  ],
  'etrn-listed': ['ETRN is listed and not implemented, RFC 5321 §4.2.4 (RFC 6409 §7)', { HELP: 'ETRN' }],
  'atrn-listed': ['ATRN is listed, RFC 6409 §7', { HELP: 'ATRN' }],
  'pipelining-parameter': ['PIPELINING with a parameter, RFC 2920 §3', { PIPELINING: 'PIPELINING 100' }],
  'size-unlimited': ['a word as the limit of SIZE, RFC 1870 §3', { SIZE: 'SIZE unlimited' }],
  'size-21-digits': ['a limit of 21 digits, RFC 1870 §3', { SIZE: 'SIZE 100000000000000000000' }],
  'size-two-parameters': ['two parameters of SIZE, RFC 1870 §3', { SIZE: 'SIZE 1000000 2000000' }],
  'size-32k': ['a limit below 64 KiB announced, RFC 5321 §4.5.3.1.7', { SIZE: 'SIZE 32768' }],
  '8bitmime-parameter': ['8BITMIME with a parameter, RFC 6152 §2', { '8BITMIME': '8BITMIME yes' }],
  'chunking-parameter': ['CHUNKING with a parameter, RFC 3030 §2', { CHUNKING: 'CHUNKING 65536' }],
  'binarymime-parameter': ['BINARYMIME with a parameter, RFC 3030 §3', { BINARYMIME: 'BINARYMIME yes' }],
  'smtputf8-parameter': ['SMTPUTF8 with a parameter, RFC 6531 §3.1', { SMTPUTF8: 'SMTPUTF8 all' }],
  'dsn-parameter': ['DSN with a parameter, RFC 3461 §3', { DSN: 'DSN RET' }],
  'enhanced-parameter': [
    'ENHANCEDSTATUSCODES with a parameter, RFC 2034 §3',
    { ENHANCEDSTATUSCODES: 'ENHANCEDSTATUSCODES 2' },
  ],
  'starttls-parameter': ['STARTTLS with a parameter, RFC 3207 §3', { STARTTLS: 'STARTTLS 1.3' }],
  'plain-not-offered': ['AUTH without PLAIN over TLS, RFC 4954 §4', { AUTH: 'AUTH LOGIN CRAM-MD5' }],
  'no-pipelining': ['PIPELINING not announced, RFC 6409 §7, RFC 2033 §5', { PIPELINING: null }],
  'no-enhanced': ['ENHANCEDSTATUSCODES not announced, RFC 6409 §7, RFC 2033 §5', { ENHANCEDSTATUSCODES: null }],
  'no-8bitmime': [
    '8BITMIME not announced beside SMTPUTF8, RFC 6531 §3.1, RFC 6409 §7, RFC 2033 §5',
    { '8BITMIME': null },
  ],
  'no-dsn': ['DSN not announced, RFC 6409 §7', { DSN: null }],
  'no-chunking': ['BINARYMIME announced without CHUNKING, RFC 3030 §3', { CHUNKING: null }],
  'no-auth': ['AUTH not offered, RFC 6409 §4.3', { AUTH: null }],
  'auth-empty': ['AUTH without mechanisms, RFC 4954 §3', { AUTH: 'AUTH' }],
  'auth-mechanism-syntax': ['names that SASL does not allow, RFC 4954 §3', { AUTH: 'AUTH plain, login!' }],
} as const satisfies {
  readonly [name: string]: readonly [wrong: string, lines: Lines, replies?: Replies]
}

const replyFaults: { readonly [name: string]: readonly [string, Replies] | undefined } = REPLY_FAULTS
const keywordFaults: { readonly [name: string]: readonly [string, Lines, Replies?] | undefined } = KEYWORD_FAULTS

/** What a server with this fault says where it should say something else. */
export const wrongReplies = (fault: string | undefined): Replies =>
  replyFaults[fault ?? '']?.[1] ?? keywordFaults[fault ?? '']?.[2] ?? {}

/** The extensions that a server with this fault announces otherwise. */
export const wrongKeywords = (fault: string | undefined): Lines => keywordFaults[fault ?? '']?.[1] ?? {}
