// Faults of the protocol itself: greeting, capabilities, tags, command syntax, literals, pipelining, and the end (RFC 9051 §2, §4, §6.1, §7).
import { drop, type Faults, imapFault as fault, hear, type Rule, reply, say, tagged, twice } from '../fault.ts'

const GREETING = /^$/
const NAMES = /^\* (OK \[)?CAPABILITY/

const greetingFaults: Faults = {
  'greeting-unknown': fault(
    'the greeting is none of OK, PREAUTH and BYE',
    '9051 §7.1',
    say(/^\* OK/, '* HELLO', GREETING),
    'greeting/form',
  ),
  'greeting-preauth': fault(
    'everybody is greeted by PREAUTH',
    '9051 §7.1.4',
    say(/^\* OK/, '* PREAUTH', GREETING),
    'greeting/preauth-unprotected',
  ),
  'greeting-waits': fault(
    'the server waits for the client to speak',
    '9051 §2.2',
    drop(/^\* OK/, GREETING),
    'greeting/waits-for-the-server',
  ),
  'greeting-no-revision': fault(
    'the CAPABILITY code of the greeting names no revision',
    '9051 §7.2.1',
    say(/IMAP4rev\d /gi, '', GREETING),
    'greeting/capability-code',
  ),
  'greeting-other-capabilities': fault(
    'the CAPABILITY code of the greeting names what there is not',
    '9051 §7.1',
    say(/\[CAPABILITY/, '[CAPABILITY XLATER', GREETING),
    'greeting/capability-code-agrees',
  ),
}

const capabilityFaults: Faults = {
  'capability-silent': fault(
    'CAPABILITY gives no untagged response',
    '3501 §6.1.1',
    drop(NAMES, /^CAPABILITY/i),
    'capability/one-response',
  ),
  'capability-twice': fault(
    'CAPABILITY gives two untagged responses',
    '3501 §6.1.1',
    twice(NAMES, /^CAPABILITY/i),
    'capability/one-response',
  ),
  'capability-no-revision': fault(
    'CAPABILITY names no revision',
    '3501 §7.2.1',
    say(/IMAP4rev\d /gi, '', /^CAPABILITY/i),
    'capability/revision',
  ),
  'capability-auth-bare': fault(
    'AUTH= has no mechanism',
    '3501 §9 capability',
    say(/AUTH=PLAIN/, 'AUTH='),
    'capability/atoms',
  ),
  'capability-once': fault(
    'CAPABILITY is not valid after a login',
    '3501 §6.1',
    reply(/^CAPABILITY/i, '% BAD not now'),
    'capability/any-state',
  ),
  'capability-no-starttls': fault(
    'STARTTLS is not announced',
    '3501 §7.2.1',
    say(/ STARTTLS/, ''),
    'capability/starttls-in-the-clear',
    { early: true },
  ),
  'capability-starttls-under-tls': fault(
    'STARTTLS is announced under TLS',
    '9051 §6.2.1',
    say(/(CAPABILITY .*)IMAP4rev1/, '$1IMAP4rev1 STARTTLS'),
    'capability/no-starttls-under-tls',
    { early: true, side: 'implicit' },
  ),
  'capability-login-in-the-clear': fault(
    'LOGIN is offered without TLS',
    '3501 §6.2.3',
    say(/LOGINDISABLED/, 'AUTH=PLAIN'),
    'capability/plaintext-passwords-in-the-clear',
    { early: true, side: 'private' },
  ),
  'capability-no-plain': fault(
    'AUTH=PLAIN is not offered under TLS',
    '9051 §6.1.1',
    say(/ AUTH=PLAIN/, ''),
    'capability/auth-plain-under-tls',
    { early: true, side: 'implicit' },
  ),
  'capability-both-literals': fault(
    'LITERAL+ and LITERAL- are both announced',
    '7888 §5',
    say(/ LITERAL\+/, ' LITERAL+ LITERAL-'),
    'capability/literal-plus-or-minus',
    { early: true },
  ),
  'capability-after-login-differs': fault(
    'the code in the answer to LOGIN names other capabilities than the command',
    '3501 §7.1',
    say(/OK \[CAPABILITY/, 'OK [CAPABILITY XLATER', /^(LOGIN|AUTHENTICATE)/i),
    'capability/after-login-agrees',
  ),
}

/** Arguments where none may be are overlooked. */
const extraArguments = hear(/^(LOGOUT|NOOP|CAPABILITY) .*/i, '$1')

const endFaults: Faults = {
  'extra-arguments': fault(
    'arguments of commands that have none are overlooked',
    '3501 §9',
    extraArguments,
    'capability/argument logout/argument noop/argument',
  ),
  'logout-without-bye': fault('LOGOUT is answered without BYE', '3501 §6.1.3', drop(/^\* BYE/), 'logout/bye-first'),
  'logout-stays': fault('the connection is left open after LOGOUT', '3501 §6.1.3', 'logout-stays', 'logout/closes'),
  'logout-refused': fault(
    'LOGOUT is not valid after a login',
    '3501 §6.1',
    reply(/^LOGOUT/i, '% BAD not now'),
    'logout/any-state',
  ),
  'logout-expunges': fault('LOGOUT expunges', '3501 §6.4.2', 'logout-expunges', 'logout/does-not-expunge'),
  'noop-refused': fault(
    'NOOP is refused',
    '3501 §6.1.2',
    reply(/^NOOP/i, '% NO not now'),
    'noop/succeeds noop/any-state',
  ),
}

/** A refused literal's octets are swallowed all the same. */
function refusesAndEats(): Rule {
  let eats = false
  return {
    hear(line, { tag }) {
      if (eats) {
        eats = false
        return { kind: 'silence' }
      }
      eats = /\{\d+\}$/.test(line)
      return eats ? { kind: 'answer', text: `${tag} BAD no literal here\r\n` } : null
    },
  }
}

const literalFaults: Faults = {
  'continuation-without-space': fault(
    'a continuation request has no space behind its plus',
    '3501 §7.5',
    say(/^\+ /, '+'),
    'literal/continuation',
  ),
  'literal-ends-command': fault(
    'a command ends with its first literal',
    '3501 §7.5',
    'literal-ends-command',
    'literal/more-behind',
  ),
  'second-literal-unasked': fault(
    'the second literal of a command is not asked for',
    '3501 §7.5',
    'second-literal-unasked',
    'literal/two',
  ),
  'empty-literal-unasked': fault(
    'a literal of 0 octets is not asked for',
    '3501 §4.3',
    'empty-literal-unasked',
    'literal/empty',
  ),
  'literal-unescaped': fault(
    'quotes and backslashes in a literal are taken away',
    '3501 §4.3',
    'literal-unescaped',
    'literal/specials',
  ),
  'refused-literal-eaten': fault(
    'the line behind a refused literal is swallowed',
    '3501 §7.5',
    refusesAndEats(),
    'literal/refused-without-octets',
  ),
  'literal-malformed-ok': fault(
    'malformed literals are answered by OK',
    '3501 §9 literal',
    tagged(/\{/, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'literal/no-number literal/negative literal/text-behind-brace',
  ),
  'literal-count-boundless': fault(
    'any count of octets is asked for',
    '9051 §9 number64',
    reply(/\{\d{10,}\}$/, '+ Go on'),
    'literal/count-out-of-range',
  ),
  'plus-literal-asked': fault(
    'a non-synchronizing literal is asked for',
    '7888 §3',
    'plus-literal-asked',
    'literal-plus/no-continuation literal-plus/mixed',
  ),
  'plus-literal-empty-refused': fault(
    'a non-synchronizing literal may not be empty',
    '7888 §3',
    [hear(/\{0\+\}$/, '{0+}'), reply(/\{0\+\}$/, '% BAD empty')],
    'literal-plus/empty',
  ),
  'plus-literal-left': fault(
    'the octets of a non-synchronizing literal are taken as commands',
    '7888 §3',
    'plus-literal-left',
    'literal-plus/refused-literal-is-eaten literal-plus/literal-of-bad-arguments-is-eaten',
  ),
  'plus-literal-after-login': fault(
    'non-synchronizing literals are not taken before a login',
    '7888 §3',
    reply(/^LOGIN.*\{\d+\+\}$/i, '% BAD no literal here'),
    'literal-plus/before-login',
  ),
  'literal-minus-unlimited': fault(
    'LITERAL- takes any length',
    '7888 §5',
    'literal-minus-unlimited',
    'literal-plus/minus-limit',
    { side: 'minus' },
  ),
}

const badIsOk = say(/^(\S+) BAD/, '$1 OK')
const WORDS = new Set(
  'MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT FLAGS UID ALL RETURN SUBSCRIBED CHILDREN COUNT MIN MAX STATUS INBOX'.split(
    ' ',
  ),
)
const argumentCase: Rule = {
  hear: (line, { tag }) =>
    line.split(/[^A-Za-z]+/).some((word) => WORDS.has(word.toUpperCase()) && !WORDS.has(word))
      ? { kind: 'answer', text: `${tag} BAD unknown word\r\n` }
      : null,
}
const mindsCase: Rule = {
  hear: (line, { tag }) =>
    /^\S+ [A-Z]+(?![A-Za-z])/.test(line) ? null : { kind: 'answer', text: `${tag} BAD no such command\r\n` },
}
const spacesOverlooked: Rule = {
  hear: (line) => (/ {2}|^ | $/.test(line) ? { kind: 'pass', line: line.trim().replace(/ {2,}/g, ' ') } : null),
}
const shortLines: Rule = {
  hear: (line, { tag }) => (line.length > 1000 ? { kind: 'answer', text: `${tag} BAD too long\r\n` } : null),
}

const commandFaults: Faults = {
  'bad-is-ok': fault(
    'what is no command is answered by OK',
    '3501 §7.1.3',
    badIsOk,
    'command/unknown command/unknown-when-logged-in command/missing-argument command/missing-second-argument command/argument-too-many command/list-unclosed command/list-expected command/list-empty command/atom-brace command/atom-wildcard command/nul command/eight-bit command/quoted-unterminated command/quoted-nul command/quoted-cr command/quoted-escape command/quoted-joined',
  ),
  'commands-mind-case': fault('commands in lower case are not known', '3501 §9', mindsCase, 'command/case'),
  'arguments-mind-case': fault(
    'words of arguments in lower case are not known',
    '3501 §9',
    argumentCase,
    'command/argument-case',
  ),
  'spaces-overlooked': fault(
    'spaces too many are overlooked',
    '3501 §9',
    spacesOverlooked,
    'command/space-before command/space-behind command/space-doubled tag/space-before',
  ),
  'quoted-unescaped': fault(
    'escapes in quoted strings are dropped with what they protect',
    '3501 §9',
    hear(/\\(["\\])/g, ''),
    'command/quoted-special',
  ),
  'quoted-seven-bits': fault(
    'octets above 127 in a quoted string are refused',
    '9051 §4.3.1',
    reply(/"[^"]*[\x80-\xff]/, '% BAD 8-bit octets'),
    'command/quoted-utf8',
  ),
  'quoted-name-differs': fault(
    'a quoted mailbox name is another one',
    '3501 §4.3',
    hear(/^([A-Z]+) "([^"]+)"/i, '$1 "$2x"'),
    'command/atom-or-quoted',
  ),
  'nil-no-name': fault(
    'NIL is no mailbox name',
    '3501 §4.5',
    reply(/ NIL\b/i, '% BAD no name'),
    'command/nil-is-a-name',
  ),
  'lines-of-1000': fault(
    'lines of more than 1000 octets are refused',
    '2683 §3.2.1.5',
    shortLines,
    'command/long-line',
  ),
  'bad-unselects': fault('BAD closes the selected mailbox', '9051 §6', 'bad-unselects', 'command/bad-changes-nothing'),
}

const pipelineFaults: Faults = {
  'pipelined-lost': fault(
    'what waits behind a command is thrown away',
    '3501 §5.5',
    'pipelined-lost',
    'pipelining/all-answered pipelining/login-and-on',
  ),
  'pipelined-backwards': fault(
    'the second of two commands is executed first',
    '3501 §5.5',
    'pipelined-backwards',
    'pipelining/order-when-ambiguous pipelining/store-then-expunge pipelining/store-then-status',
  ),
}

const swapCase = (tag: string): string => (tag === tag.toUpperCase() ? tag.toLowerCase() : tag.toUpperCase())
function tagsOnce(): Rule {
  const used = new Set<string>()
  return {
    hear(_, { tag }) {
      if (used.has(tag)) return { kind: 'answer', text: `${tag} BAD that tag was used\r\n` }
      used.add(tag)
      return null
    },
  }
}
const tagsPlain: Rule = {
  hear: (line, { tag }) => (/^[A-Za-z0-9]+( |$)/.test(line) ? null : { kind: 'answer', text: `${tag} BAD no tag\r\n` }),
}
const anyTag: Rule = {
  hear: (_, { tag }) => (/[+%]/.test(tag) ? { kind: 'answer', text: `${tag} OK done\r\n` } : null),
}

const tagFaults: Faults = {
  'tag-case-swapped': fault(
    'the tag comes back in another case',
    '3501 §2.2.2',
    tagged(/^/, (line) => line.replace(/^\S+/, swapCase)),
    'tag/echoed',
  ),
  'tags-plain': fault('a tag is of letters and digits alone', '3501 §9 tag', tagsPlain, 'tag/all-characters'),
  'tags-short': fault(
    'a tag is cut at 32 octets',
    '3501 §9 tag',
    tagged(/^/, (line) => line.replace(/^(\S{32})\S+/, '$1')),
    'tag/long',
  ),
  'tags-once': fault('a tag cannot be used again', '9051 §2.2.1', tagsOnce(), 'tag/reused'),
  'tags-any': fault('any word is a tag', '3501 §9 tag', anyTag, 'tag/plus tag/wildcard'),
  'lines-without-command-ignored': fault(
    'a line without a command is overlooked',
    '3501 §2.2.2',
    { hear: (line) => (line.includes(' ') ? null : { kind: 'silence' }) },
    'tag/alone tag/missing',
  ),
}

export const sessionFaults: Faults = {
  ...greetingFaults,
  ...capabilityFaults,
  ...endFaults,
  ...literalFaults,
  ...commandFaults,
  ...pipelineFaults,
  ...tagFaults,
}
