// The one table of hooks: when each is asked, how the plugins' answers combine, what happens when none objects or one fails.

export type HookName =
  | 'connect'
  | 'helo'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'message'
  | 'queued'
  | 'expand'
  | 'route'
  | 'courier'
  | 'mailbox'
  | 'observe'

/**
 * gate: in order, the first reject or defer decides. admission: a gate that also needs an `admit`.
 * first: the first answer that is not null decides. serial: each sees what those before it changed.
 * one: exactly one is called. told: all hear it, none is asked.
 */
export type CombineKind = 'gate' | 'admission' | 'first' | 'serial' | 'one' | 'told'

export interface HookKind {
  readonly kind: CombineKind
  readonly when: string
  readonly answers: string
  readonly allPass: string
  /** `onError`: the entry's own choice. */
  readonly failed: string
  /** How long one plugin may take when its entry states no `timeout`; ms. */
  readonly timeout: number
}

/** What all message hooks of one message may take together, ms. */
export const MESSAGE_HOOKS_TIMEOUT = 120_000

export const HOOK_KINDS: { readonly [H in HookName]: HookKind } = {
  connect: {
    kind: 'gate',
    when: 'A client has connected, before the greeting',
    answers: '`pass`, `reject`, `defer`',
    allPass: 'the greeting',
    failed: '`onError`; `defer` is 421 and ends the session',
    timeout: 30_000,
  },
  helo: {
    kind: 'gate',
    when: 'HELO, EHLO or LHLO',
    answers: '`pass`, `reject`, `defer`',
    allPass: '250',
    failed: '`onError`',
    timeout: 30_000,
  },
  auth: {
    kind: 'first',
    when: 'A user gives a password (`verify`), or a mechanism needs the stored secret (`secret`): SMTP, IMAP and POP3 alike',
    answers: "an `Identity`; `'wrong'` (mine, and the password is wrong: asks nobody else); `null` (not mine)",
    allPass: '535 5.7.8',
    failed: '454 4.7.0; with `onError: pass` the others are asked first',
    timeout: 30_000,
  },
  mail: {
    kind: 'gate',
    when: 'MAIL FROM',
    answers: '`pass`, `reject`, `defer`',
    allPass: '250',
    failed: '`onError`',
    timeout: 30_000,
  },
  rcpt: {
    kind: 'admission',
    when: 'RCPT TO, each recipient',
    answers:
      "`pass`, `reject`, `defer`, `admit('local')` (counts for our domains), `admit('relay')` (counts for others), either with a `rewrite`",
    allPass: '550 5.1.1 in our domains, 550 5.7.1 elsewhere: without one admission nobody gets in',
    failed: '`onError`; a failed plugin never admits',
    timeout: 30_000,
  },
  data: {
    kind: 'gate',
    when: 'DATA, before the 354',
    answers: '`pass`, `reject`, `defer`',
    allPass: '354',
    failed: '`onError`',
    timeout: 30_000,
  },
  message: {
    kind: 'serial',
    when: 'The whole message is here, before it is queued: the client waits',
    answers:
      'a `MessageAnswer`: a verdict for all or for each recipient, header fields, a new body, a score, quarantine',
    allPass: 'it is queued, 250',
    failed: '`onError`',
    timeout: 60_000,
  },
  queued: {
    kind: 'serial',
    when: 'After queueing, before the first delivery: for slow filters',
    answers: 'as `message`',
    allPass: 'dispatch goes on',
    failed: '`onError`; `defer` tries again later',
    timeout: 120_000,
  },
  expand: {
    kind: 'first',
    when: 'Dispatch, each recipient, repeated for what came out until nothing changes',
    answers: 'a list of recipients that stand in its place (empty: it is dropped, on record); `null` (not mine)',
    allPass: 'it stands for itself',
    failed: 'deferred, whatever `onError` says',
    timeout: 60_000,
  },
  route: {
    kind: 'first',
    when: 'Dispatch, each recipient after expansion',
    answers: 'a `NextHop`; `reject` (it bounces); `defer`; `null` (not mine)',
    allPass: 'it bounces with 550 5.4.4',
    failed: 'deferred, whatever `onError` says',
    timeout: 60_000,
  },
  courier: {
    kind: 'one',
    when: 'An attempt is due for the recipients of one next hop: the courier that the hop names',
    answers: 'an `Outcome` for each recipient',
    allPass: '–',
    failed: 'deferred',
    timeout: 3_600_000,
  },
  mailbox: {
    kind: 'gate',
    when: 'A client logs in, appends, moves, flags or expunges',
    answers: '`pass`, `reject`, `defer`',
    allPass: 'it is done',
    failed: '`onError`',
    timeout: 30_000,
  },
  observe: {
    kind: 'told',
    when: 'Anything that goes into a trace',
    answers: 'none',
    allPass: '–',
    failed: 'logged once',
    timeout: 0,
  },
}
