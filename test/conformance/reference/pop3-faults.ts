// What the reference POP3 server can do wrong, a fault a line, each written from its RFC.

import type { Situation } from './pop3-replies.ts'
import { SASL_FAULTS } from './sasl.ts'

type Replies = { readonly [situation in Situation]?: string }
type Lines = { readonly [tag: string]: string | null }

/** Faults that are nothing but a wrong reply: what is wrong, and what is said instead. */
export const REPLY_FAULTS = {
  'greeting-no-indicator': ['a greeting without +OK, RFC 1939 §4', { greeting: 'POP3 ready {}' }],
  'greeting-lower-case': ['a greeting with +ok, RFC 1939 §3', { greeting: '+ok ready {}' }],
  'greeting-silent': ['no greeting, RFC 1939 §4', { greeting: '' }],
  'greeting-timestamp-form': ['a timestamp that is no message-id, RFC 1939 §7', { greeting: '+OK reference <1896>' }],
  'greeting-two-lines': ['a greeting of two lines, RFC 1939 §4', { greeting: '+OK ready {}\r\n+OK really' }],
  'unknown-ok': ['an unknown command taken, RFC 1939 §3', { unknown: '+OK if you say so' }],
  'noop-lower-case': ['+ok in lower case, RFC 1939 §3', { noop: '+ok' }],
  'noop-eight-bit': ['an octet above 127 in a response, RFC 1939 §3', { noop: '+OK caf\xe9' }],
  'noop-control': ['a control character in a response, RFC 1939 §3', { noop: '+OK \x07' }],
  'user-nameless-ok': ['USER without a name taken, RFC 1939 §7', { 'user-syntax': '+OK who?' }],
  'stls-two-lines': ['two responses to STLS, RFC 2595 §4', { stls: '+OK\r\n+OK go ahead' }],
  'unknown-silent': ['an unknown command not answered, RFC 1939 §3', { unknown: '' }],
  'unknown-other': ['ERR without its minus sign, RFC 1939 §3', { unknown: 'ERR not known' }],
  'user-err': ['USER refused, RFC 1939 §7', { user: '-ERR no' }],
  'login-err': ['-ERR to the right credentials, RFC 1939 §7', { login: '-ERR no' }],
  'login-wrong-ok': ['+OK to wrong credentials, RFC 1939 §7', { 'login-wrong': '+OK but no' }],
  'pass-early-ok': ['+OK to PASS without USER, RFC 1939 §7', { 'pass-early': '+OK who are you?' }],
  'quit-err': ['QUIT answered by -ERR, RFC 1939 §6', { quit: '-ERR stay' }],
  'quit-silent': ['QUIT not answered, RFC 1939 §6', { quit: '' }],
  'noop-err': ['NOOP answered by -ERR, RFC 1939 §5', { noop: '-ERR no' }],
  'stat-text': ['STAT answered in words, RFC 1939 §5', { stat: '+OK you have mail' }],
  'stat-comma': ['a comma between the numbers of STAT, RFC 1939 §5', { stat: '+OK 1, 2' }],
  'stat-two-spaces': ['two spaces in the reply to STAT, RFC 1939 §5', { stat: '+OK  {}' }],
  'stat-err': ['STAT answered by -ERR, RFC 1939 §5', { stat: '-ERR no' }],
  'list-one-text': ['words before the numbers of LIST n, RFC 1939 §5', { 'list-one': '+OK message {}' }],
  'rset-err': ['RSET answered by -ERR, RFC 1939 §5', { rset: '-ERR nothing to do' }],
  'dele-err': ['DELE answered by -ERR, RFC 1939 §5', { dele: '-ERR no' }],
  'dele-twice-ok': ['a second DELE taken, RFC 1939 §5', { 'dele-twice': '+OK marked again' }],
  'uidl-one-text': ['words before the unique-id of UIDL n, RFC 1939 §7', { 'uidl-one': '+OK it is {}' }],
  'resp-code-no-space': ['no space before the response code, RFC 2449 §8', { 'login-wrong': '-ERR[AUTH] wrong' }],
  'resp-code-unclosed': ['a response code without its end, RFC 2449 §8', { 'login-wrong': '-ERR [AUTH wrong' }],
  'resp-code-empty': ['an empty response code, RFC 2449 §8', { 'login-wrong': '-ERR [] wrong' }],
  'resp-code-none': ['no response code for wrong credentials, RFC 3206 §4', { 'login-wrong': '-ERR wrong' }],
  'resp-code-temporary': ['[SYS/TEMP] for wrong credentials, RFC 3206 §4', { 'login-wrong': '-ERR [SYS/TEMP] wrong' }],
  'resp-code-in-use': ['[IN-USE] for wrong credentials, RFC 3206 §4', { 'login-wrong': '-ERR [IN-USE] wrong' }],
  'locked-no-code': ['no [IN-USE] for a locked maildrop, RFC 2449 §8.1.2', { 'login-locked': '-ERR locked' }],
  'stls-err': ['STLS announced and refused, RFC 2595 §4', { stls: '-ERR no' }],
  'stls-again-ok': ['STLS within TLS taken, RFC 2595 §4', { 'stls-again': '+OK once more' }],
  'auth-challenge-bare': ['a challenge without its space, RFC 5034 §4', { 'auth-challenge': '+' }],
  'auth-challenge-ok': ['+OK in place of the challenge, RFC 5034 §4', { 'auth-challenge': '+OK go on' }],
  'auth-challenge-text': ['words in place of an empty challenge, RFC 5034 §4', { 'auth-challenge': '+ go on' }],
  'auth-cancel-ok': ['+OK to a cancelled exchange, RFC 5034 §4', { 'auth-cancelled': '+OK cancelled' }],
  'auth-base64-ok': ['+OK to what is not base64, RFC 5034 §4', { 'auth-base64': '+OK' }],
  'auth-mechanism-ok': ['+OK to an unknown mechanism, RFC 5034 §4', { 'auth-mechanism': '+OK' }],
  'lang-no-tag': ['no language tag in the reply to LANG, RFC 6856 §3.2', { lang: '+OK as you wish' }],
  'lang-unknown-ok': ['+OK to a language that is not there, RFC 6856 §3.2', { 'lang-unknown': '+OK en' }],
  'lang-err': ['a language that is listed is refused, RFC 6856 §3.2', { lang: '-ERR no' }],
  'utf8-err': ['UTF8 announced and refused, RFC 6856 §2.1', { utf8: '-ERR no' }],
} as const satisfies { readonly [name: string]: readonly [wrong: string, replies: Replies] }

/** Faults of the list of capabilities: tag → the line in its place, null for none. */
export const CAPABILITY_FAULTS = {
  'capa-two-spaces': ['two spaces before a parameter, RFC 2449 §3', { SASL: 'SASL  PLAIN' }],
  'capa-space-at-end': ['a space behind a tag, RFC 2449 §3', { UIDL: 'UIDL ' }],
  'capa-long': ['a line of more than 512 octets, RFC 2449 §3', { IMPLEMENTATION: `IMPLEMENTATION ${'x'.repeat(600)}` }],
  'capa-control': ['a control character in a tag, RFC 2449 §3', { IMPLEMENTATION: 'IMPLEMENT\x01ATION' }],
  'capa-eight-bit': ['an octet above 127 in a parameter, RFC 2449 §3', { IMPLEMENTATION: 'IMPLEMENTATION caf\xe9' }],
  'sasl-names': ['names that SASL does not allow, RFC 4422 §3.1', { SASL: 'SASL plain!,login' }],
  'implementation-bare': ['IMPLEMENTATION without a token, RFC 2449 §6.9', { IMPLEMENTATION: 'IMPLEMENTATION' }],
  'top-argument': ['TOP with an argument, RFC 2449 §6.1', { TOP: 'TOP 100' }],
  'pipelining-argument': ['PIPELINING with an argument, RFC 2449 §6.6', { PIPELINING: 'PIPELINING 50' }],
  'uidl-listed-twice': ['UIDL is listed twice, RFC 2449 §5', { IMPLEMENTATION: 'UIDL' }],
  'expire-user': ['EXPIRE with USER behind the login, RFC 2449 §6.7', { EXPIRE: 'EXPIRE 30 USER' }],
  'login-delay-user': [
    'LOGIN-DELAY with USER behind the login, RFC 2449 §6.5',
    { 'LOGIN-DELAY': 'LOGIN-DELAY 1 USER' },
  ],
  'utf8-other-argument': ['UTF8 with an argument that is not USER, RFC 6856 §2', { UTF8: 'UTF8 ALL' }],
  'expire-word': ['a word as days of EXPIRE, RFC 2449 §6.7', { EXPIRE: 'EXPIRE soon' }],
  'expire-nothing': ['EXPIRE without days, RFC 2449 §6.7', { EXPIRE: 'EXPIRE' }],
  'expire-negative': ['a negative number of days, RFC 2449 §6.7', { EXPIRE: 'EXPIRE -1' }],
  'login-delay-word': ['a word as seconds of LOGIN-DELAY, RFC 2449 §6.5', { 'LOGIN-DELAY': 'LOGIN-DELAY some' }],
  'login-delay-nothing': ['LOGIN-DELAY without seconds, RFC 2449 §6.5', { 'LOGIN-DELAY': 'LOGIN-DELAY' }],
} as const satisfies { readonly [name: string]: readonly [wrong: string, lines: Lines] }

/** Faults of behaviour; the server asks for each where it decides. */
export const BEHAVIOUR_FAULTS = {
  ...SASL_FAULTS,
  // lines
  'replies-long': 'replies of 600 octets, RFC 1939 §3',
  'replies-bare-lf': 'replies end in a bare LF, RFC 1939 §3',
  'lists-bare-lf': 'the lines of lists end in a bare LF, RFC 1939 §3',
  'list-without-end': 'no period behind the lines of LIST, RFC 1939 §3',
  'retr-without-end': 'no period behind the message, RFC 1939 §3',
  'uidl-without-end': 'no period behind the lines of UIDL, RFC 1939 §3',
  'top-without-end': 'no period behind the lines of TOP, RFC 1939 §3',
  'keywords-lower-refused': 'a keyword in lower case is not known, RFC 1939 §3',
  'keywords-mixed-refused': 'a keyword in mixed case is not known, RFC 1939 §3',
  'unknown-closes': 'an unknown command ends the session, RFC 1939 §3',
  'command-per-packet': 'the end of a packet ends a command, RFC 1939 §3',
  'line-cut-at-200': 'a command of more than 200 octets is read as two, RFC 2449 §4',
  'pipelining-flush': 'what waits behind a command is dropped, RFC 2449 §6.6',
  'pipelining-reversed': 'two waiting commands are answered in the wrong order, RFC 2449 §6.6',
  'empty-line-ignored': 'an empty line is not answered, RFC 1939 §3',
  'empty-line-taken': 'an empty line is answered by +OK, RFC 1939 §3',
  'keywords-longer': 'letters behind a keyword are overlooked, RFC 1939 §3',
  'keywords-shorter': 'the beginning of a keyword is enough, RFC 1939 §3',
  'keywords-seven-bit': 'the eighth bit of a keyword is cleared, RFC 1939 §3',
  'long-line-tail-obeyed': 'what is behind 510 octets of a line is another command, RFC 1939 §3',
  'superfluous-taken': 'arguments are overlooked where none is allowed, RFC 1939 §3',
  'pipelining-quit-hurries': 'a QUIT that waits is obeyed first, RFC 2449 §6.6',
  'input-1k': 'of what waits, 1024 octets are kept, RFC 2449 §6.6',
  // login
  'password-unchecked': 'any password will do, RFC 1939 §7',
  'failure-closes': 'a failed login ends the session, RFC 1939 §7',
  'failure-sticks': 'behind a failed login any other fails, RFC 1939 §7',
  'password-empty-taken': 'an empty password will do, RFC 1939 §7',
  'password-any-case': 'passwords are compared without their case, RFC 1939 §7',
  'user-unchecked': 'any name will do, RFC 1939 §7',
  'user-unknown-welcome': 'a name that nobody has logs in, RFC 1939 §7',
  'user-kept': 'a name is kept behind a failed PASS, RFC 1939 §7',
  'first-user-counts': 'a second USER is overlooked, RFC 1939 §7',
  'failure-logs-in': 'a failed login is one all the same, RFC 1939 §7',
  'apop-digest-optional': 'APOP needs no digest, RFC 1939 §7',
  'quit-refused-after-failure': 'QUIT behind a failed login is refused, RFC 1939 §4',
  'quit-refused-behind-user': 'QUIT between USER and PASS is refused, RFC 1939 §7',
  'quit-goes-on': 'commands behind QUIT are carried out, RFC 1939 §6',
  'lock-kept-after-quit': 'the maildrop stays locked behind QUIT, RFC 1939 §6',
  'lock-kept-after-loss': 'the maildrop stays locked when a session breaks off, RFC 1939 §3',
  'pass-without-user': 'PASS alone logs in, RFC 1939 §7',
  'login-hollow': 'a login is answered by +OK and not carried out, RFC 1939 §7',
  'apop-unchecked': 'any digest will do, RFC 1939 §7',
  'apop-same-timestamp': 'all greetings have one timestamp, RFC 1939 §7',
  'maildrop-torn': 'two sessions may have the maildrop, and remove messages from one another, RFC 1939 §4',
  'quit-stays-open': 'the connection stays open behind QUIT, RFC 1939 §4',
  'quit-early-refused': 'QUIT before the login is refused, RFC 1939 §4',
  // maildrop
  'stat-one-more': 'STAT counts a message more, RFC 1939 §5',
  'stat-octets-wrong': 'STAT counts the lines ends as one octet, RFC 1939 §5',
  'stat-octets-with-deleted': 'STAT counts the octets of marked messages, RFC 1939 §5',
  'stat-with-deleted': 'STAT counts marked messages, RFC 1939 §5',
  'list-no-size': 'LIST gives numbers alone, RFC 1939 §5',
  'list-from-zero': 'messages are numbered from 0, RFC 1939 §5',
  'list-one-all': 'LIST n gives the whole list, RFC 1939 §5',
  'list-one-size': 'LIST n gives another size than LIST, RFC 1939 §5',
  'list-with-deleted': 'LIST lists marked messages, RFC 1939 §5',
  'list-renumbers': 'a mark changes the numbers of others, RFC 1939 §5',
  'sizes-lf': 'sizes count a line end as one octet, RFC 1939 §11',
  'sizes-stuffed': 'sizes count the added periods, RFC 1939 §11',
  'retr-header-only': 'RETR leaves the body out, RFC 1939 §5',
  'retr-bare-lf': 'the lines of messages end in a bare LF, RFC 1939 §5',
  'retr-unstuffed': 'RETR adds no periods, RFC 1939 §3',
  'retr-seven-bit': 'RETR clears the eighth bit, RFC 1939 §5',
  'retr-status-line': 'RETR adds a line to a message that was read, RFC 1939 §5',
  'retr-default': 'RETR without number gives the first message, RFC 1939 §5',
  'numbers-32-bit': 'numbers wrap at 32 bits, RFC 1939 §5',
  'numbers-64-bit': 'numbers wrap at 64 bits, RFC 1939 §5',
  'negative-is-positive': 'the sign of a number is overlooked, RFC 1939 §5',
  'dele-default': 'DELE without number marks the first message, RFC 1939 §5',
  'zero-is-first': 'message 0 is the first, RFC 1939 §5',
  'word-is-first': 'what is no number is the first message, RFC 1939 §5',
  'deleted-given': 'a marked message can be listed and fetched, RFC 1939 §5',
  'dele-at-once': 'DELE removes at once, RFC 1939 §5',
  'dele-at-close': 'the end of any session removes marked messages, RFC 1939 §5',
  'rset-keeps-marks': 'RSET takes no marks away, RFC 1939 §5',
  'quit-removes-nothing': 'QUIT removes nothing, RFC 1939 §6',
  'quit-removes-read': 'QUIT removes what was read, RFC 1939 §6',
  'numbers-go-on': 'messages keep their numbers from one session to the next, RFC 1939 §4',
  'quit-removes-all': 'QUIT removes all messages when one is marked, RFC 1939 §6',
  'top-no-empty-line': 'TOP n 0 leaves the empty line out, RFC 1939 §7',
  'top-one-more': 'TOP gives a line more, RFC 1939 §7',
  'top-counts-header': 'TOP counts the lines of the header, RFC 1939 §7',
  'top-short-refused': 'TOP with more lines than there are is refused, RFC 1939 §7',
  'top-short-cut': 'TOP gives three lines of a body at most, RFC 1939 §7',
  'top-default': 'TOP without number of lines gives the header, RFC 1939 §7',
  'top-negative-taken': 'a negative number of lines counts as 0, RFC 1939 §7',
  'top-word-taken': 'what is no number of lines counts as 0, RFC 1939 §7',
  'top-first-default': 'TOP alone gives the header of the first message, RFC 1939 §7',
  'top-unstuffed': 'TOP adds no periods, RFC 1939 §3',
  'uidl-71': 'unique-ids of 71 characters, RFC 1939 §7',
  'uidl-space': 'unique-ids with a space, RFC 1939 §7',
  'uidl-eight-bit': 'unique-ids with an octet above 127, RFC 1939 §7',
  'uidl-empty': 'empty unique-ids, RFC 1939 §7',
  'uidl-same': 'all messages have one unique-id, RFC 1939 §7',
  'uidl-last-missing': 'UIDL leaves the last message out, RFC 1939 §7',
  'uidl-one-other': 'UIDL n gives another unique-id than UIDL, RFC 1939 §7',
  'uidl-by-session': 'unique-ids are new in each session, RFC 1939 §7',
  'uidl-changes-when-read': 'a message that was read has another unique-id, RFC 1939 §7',
  'uidl-reused': 'the unique-id of a removed message is given again, RFC 1939 §7',
  'uidl-with-deleted': 'UIDL lists marked messages, RFC 1939 §7',
  'stuffs-lone-periods': 'only lines that are a period get another, RFC 1939 §3',
  'stat-unmarks': 'STAT takes marks away, RFC 1939 §5',
  'noop-unmarks': 'NOOP takes marks away, RFC 1939 §5',
  'retr-marks': 'RETR marks the message as deleted, RFC 1939 §5',
  'top-marks': 'TOP marks the message as deleted, RFC 1939 §7',
  'uidl-by-number': 'unique-ids are the numbers of messages, RFC 1939 §7',
  'top-deleted-given': 'TOP gives marked messages, RFC 1939 §7',
  'uidl-deleted-given': 'UIDL n gives marked messages, RFC 1939 §7',
  'messages-appear': 'messages that arrive during a session are counted, RFC 1939 §4',
  // extensions
  'capa-late-shorter': 'TOP and UIDL are announced before the login alone, RFC 2449 §5',
  'sasl-late-shorter': 'SASL lists other mechanisms behind the login, RFC 2449 §6.3',
  'capa-once': 'a second CAPA is refused, RFC 2449 §5',
  'capa-behind-user-refused': 'CAPA between USER and PASS is refused, RFC 2449 §5',
  'auth-cancel-sticks': 'behind a cancelled exchange any login fails, RFC 5034 §4',
  'auth-cancel-closes': 'a cancelled exchange ends the session, RFC 5034 §4',
  'auth-commands-within': 'a command within an exchange is obeyed, RFC 5034 §4',
  'utf8-login-refused': 'behind UTF8 no login succeeds, RFC 6856 §2.1',
  'utf8-seven-bit': 'in UTF-8 mode the eighth bit is cleared, RFC 6856 §2.1',
  'lang-list-tagless': 'languages are listed without tags, RFC 6856 §3.2',
  'greeting-in-clear': 'a port with TLS from the start greets in the clear, RFC 8314 §3.1',
  'tls-login-refused': 'within TLS no login succeeds, RFC 2595 §4',
  'tls-logs-in': 'TLS enters the transaction state, RFC 2595 §4',
  'capa-late-refused': 'CAPA behind the login is refused, RFC 2449 §5',
  'top-announced-only': 'TOP is announced and not known, RFC 2449 §6.1',
  'uidl-announced-only': 'UIDL is announced and not known, RFC 2449 §6.8',
  'user-announced-only': 'USER is announced and not known, RFC 2449 §6.2',
  'stls-in-clear': 'no handshake follows the +OK, RFC 2595 §4',
  'stls-announced-again': 'STLS is announced within TLS, RFC 2595 §4',
  'stls-keeps-commands': 'commands from before the handshake are obeyed within TLS, RFC 2595 §4',
  'stls-keeps-user': 'a USER from before the handshake is kept, RFC 2595 §4',
  'auth-plain-refused': 'PLAIN is announced and not known, RFC 5034 §4',
  'auth-unknown-taken': 'an unknown mechanism is taken for PLAIN, RFC 5034 §4',
} as const

/** `early-stat`: taken before the login; `late-user`: taken behind it, RFC 1939 §3; `missing-retr`: +OK for a message that is not there. */
type FamilyFault = `${'early' | 'late' | 'missing'}-${Verb}`

type Verb =
  | 'stat'
  | 'list'
  | 'retr'
  | 'dele'
  | 'rset'
  | 'noop'
  | 'top'
  | 'uidl'
  | 'user'
  | 'pass'
  | 'apop'
  | 'auth'
  | 'stls'
  | 'utf8'

export type Pop3Fault =
  | keyof typeof REPLY_FAULTS
  | keyof typeof CAPABILITY_FAULTS
  | keyof typeof BEHAVIOUR_FAULTS
  | FamilyFault

const replyFaults: { readonly [name: string]: readonly [string, Replies] | undefined } = REPLY_FAULTS
const capabilityFaults: { readonly [name: string]: readonly [string, Lines] | undefined } = CAPABILITY_FAULTS

/** What a server with this fault says where it should say something else. */
export const wrongReplies = (fault: string | undefined): Replies => replyFaults[fault ?? '']?.[1] ?? {}

/** The capabilities that a server with this fault announces otherwise. */
export const wrongCapabilities = (fault: string | undefined): Lines => capabilityFaults[fault ?? '']?.[1] ?? {}
