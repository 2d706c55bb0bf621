// What a fault of a server is: a switch in a reference server, or a rewriting of what passes between a client and a real server.

/** What becomes of a client's line. */
export type Heard =
  | { readonly kind: 'pass'; readonly line: string }
  /** The server never gets it; the client gets this. */
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'silence' }
  | { readonly kind: 'close' }

export interface Rule {
  /** A command's first line, without CRLF; null when the rule does not concern it. */
  hear?(line: string, state: ExchangeState): Heard | null
  /** A whole response, literals included, with CRLF; `during` is the command (without its tag) that is under way. */
  say?(unit: string, during: string, state: ExchangeState): readonly string[] | null
}

/** What one connection's rules may remember. */
export interface ExchangeState {
  readonly tag: string
  /** Which rule has fired how often. */
  readonly counts: Map<Rule, number>
}

export interface Fault {
  /** What a server that has it does wrong. */
  readonly wrong: string
  readonly rfc: string
  readonly rules?: readonly Rule[]
  /** Before which server it is shown: `reference` when not given (proof-imap.ts names the others). */
  readonly side?: string
  /** Names that a reference server knows. */
  readonly switches?: readonly string[]
  /** The fault is there before the case's own steps begin: in the greeting, the login or the selection of a mailbox. */
  readonly early?: true
  /** Cases that must see it. */
  readonly proves: readonly string[]
}

/** A fault of the IMAP suite in a line: a switch by its name, or rules; ids of cases without `imap/`, between spaces. */
export const imapFault = (
  wrong: string,
  rfc: string,
  does: string | Rule | readonly Rule[],
  proves: string,
  more: Pick<Fault, 'side' | 'early'> = {},
): Fault => ({
  wrong,
  rfc: `RFC ${rfc}`,
  ...(typeof does === 'string' ? { switches: [does] } : { rules: [does].flat() }),
  ...more,
  proves: proves.split(' ').map((id) => `imap/${id}`),
})

export type Faults = { readonly [name: string]: Fault }

/** A rewriting of responses, of those alone that come while a matching command is under way. */
export const say = (
  pattern: RegExp,
  replacement: string | ((...match: string[]) => string),
  during: RegExp = /^/,
): Rule => ({
  say: (unit, command) =>
    during.test(command) && pattern.test(unit) ? [unit.replace(pattern, replacement as string)] : null,
})

/** Octets of a value in a FETCH response, or what `label` stands before; null makes it NIL. */
export const octets = (label: RegExp, change: (value: string) => string | null, during: RegExp = /^/): Rule => ({
  say(unit, command) {
    if (!during.test(command)) return null
    const found = new RegExp(`(?<=[ (])(${label.source}) (?:~?\\{(\\d+)\\}\\r\\n|"([^"]*)")`, 'i').exec(unit)
    if (!found) return null
    const start = found.index + found[0].length
    const length = found[2] === undefined ? 0 : Number(found[2])
    const changed = change(found[3] ?? unit.slice(start, start + length))
    const value = changed === null ? 'NIL' : `{${changed.length}}\r\n${changed}`
    return [`${unit.slice(0, found.index)}${found[1]} ${value}${unit.slice(start + length)}`]
  },
})

/** Another section is given than was asked for, under the name that was asked for. */
export function instead(asked: RegExp, given: string | ((...match: string[]) => string)): Rule {
  let names: { asked: string; given: string } | null = null
  return {
    hear(line) {
      const found = asked.exec(line)
      if (!found) return null
      const changed = line.replace(asked, given as string)
      const replaced = changed.slice(found.index, found.index + found[0].length + changed.length - line.length)
      const bare = (section: string): string => section.replace(/<(\d+)\.\d+>/, '<$1>')
      names = { asked: bare(found[0]), given: bare(replaced) }
      return { kind: 'pass', line: changed }
    },
    say: (unit) =>
      names !== null && /^\* \d+ FETCH/.test(unit) ? [unit.replace(names.given, () => names!.asked)] : null,
  }
}

/** Whatever the server says to a matching command, in the hands of a function. */
export const transform = (during: RegExp, change: (unit: string) => string | null): Rule => ({
  say(unit, command) {
    if (!during.test(command)) return null
    const changed = change(unit)
    return changed === null ? [] : [changed]
  },
})

export const drop = (pattern: RegExp, during: RegExp = /^/): Rule => ({
  say: (unit, command) => (during.test(command) && pattern.test(unit) ? [] : null),
})

export const twice = (pattern: RegExp, during: RegExp = /^/): Rule => ({
  say: (unit, command) => (during.test(command) && pattern.test(unit) ? [unit, unit] : null),
})

/** Further responses before the tagged one. */
export const before = (during: RegExp, ...texts: readonly string[]): Rule => ({
  say: (unit, command) =>
    during.test(command) && isTagged(unit) ? [...texts.map((text) => `${text}\r\n`), unit] : null,
})

/** Responses behind the tagged one, when no command is under way. */
export const after = (during: RegExp, ...texts: readonly string[]): Rule => ({
  say: (unit, command) =>
    during.test(command) && isTagged(unit) ? [unit, ...texts.map((text) => `${text}\r\n`)] : null,
})

/** The tagged response alone. */
export const tagged = (during: RegExp, text: string | ((line: string) => string)): Rule => ({
  say(unit, command) {
    if (!during.test(command) || !isTagged(unit)) return null
    const tag = unit.slice(0, unit.indexOf(' '))
    return [typeof text === 'string' ? `${tag} ${text}\r\n` : text(unit)]
  },
})

/** The server gets another command than was sent. The pattern sees the line without its tag. */
export const hear = (pattern: RegExp, replacement: string | ((...match: string[]) => string)): Rule => ({
  hear(line, { tag }) {
    const command = line.slice(tag.length + 1)
    if (!pattern.test(command)) return null
    return { kind: 'pass', line: `${tag} ${command.replace(pattern, replacement as string)}` }
  },
})

/** The server does nothing, and the client gets these lines; `%` is its tag. */
export const reply = (pattern: RegExp, ...lines: readonly string[]): Rule => ({
  hear: (line, { tag }) =>
    pattern.test(line.slice(tag.length + 1))
      ? { kind: 'answer', text: lines.map((one) => `${one.replace(/^%/, tag)}\r\n`).join('') }
      : null,
})

export const mute = (pattern: RegExp): Rule => ({
  hear: (line, { tag }) => (pattern.test(line.slice(tag.length + 1)) ? { kind: 'silence' } : null),
})

export const hangUp = (pattern: RegExp): Rule => ({
  hear: (line, { tag }) => (pattern.test(line.slice(tag.length + 1)) ? { kind: 'close' } : null),
})

/** A rule with a memory: made anew for each connection. */
export function perConnection(make: () => Rule): Rule {
  const made = new WeakMap<object, Rule>()
  const own = ({ counts }: ExchangeState): Rule => {
    if (!made.has(counts)) made.set(counts, make())
    return made.get(counts)!
  }
  return {
    hear: (line, state) => own(state).hear?.(line, state) ?? null,
    say: (unit, during, state) => own(state).say?.(unit, during, state) ?? null,
  }
}

/** Only the first time in a connection, or from the given time on. */
export const only = (rule: Rule, wanted: (count: number) => boolean): Rule => {
  const counted: Rule = {
    ...(rule.hear === undefined
      ? {}
      : {
          hear: (line: string, state: ExchangeState) => {
            const heard = rule.hear!(line, state)
            return heard !== null && wanted(count(state, counted)) ? heard : null
          },
        }),
    ...(rule.say === undefined
      ? {}
      : {
          say: (unit: string, during: string, state: ExchangeState) => {
            const said = rule.say!(unit, during, state)
            return said !== null && wanted(count(state, counted)) ? said : null
          },
        }),
  }
  return counted
}

function count(state: ExchangeState, rule: Rule): number {
  const counted = (state.counts.get(rule) ?? 0) + 1
  state.counts.set(rule, counted)
  return counted
}

export const first = (rule: Rule): Rule => only(rule, (count) => count === 1)
export const later = (rule: Rule): Rule => only(rule, (count) => count > 1)

const isTagged = (unit: string): boolean => !/^[*+] /.test(unit) && !unit.startsWith('+\r')

/** One connection's rules at work. */
export class Rewriter {
  readonly #rules: readonly Rule[]
  readonly #armed: () => boolean
  readonly #counts = new Map<Rule, number>()
  /** Commands that have no tagged response yet, oldest first. */
  readonly #open: { tag: string; command: string }[] = []

  constructor(rules: readonly Rule[], armed: () => boolean = () => true) {
    this.#rules = rules
    this.#armed = armed
  }

  /** The first line of a command. */
  hear(line: string): Heard {
    const tag = /^[^ ]*/.exec(line)![0]
    let heard: Heard = { kind: 'pass', line }
    if (this.#armed()) {
      for (const rule of this.#rules) {
        const next: Heard | null = heard.kind === 'pass' ? (rule.hear?.(heard.line, this.#state(tag)) ?? null) : null
        if (next !== null) heard = next
      }
    }
    if (heard.kind === 'pass') this.#open.push({ tag, command: line.slice(tag.length + 1) })
    return heard
  }

  /** A response, `greeting` being what a server says first; gives what the client gets. */
  say(unit: string): readonly string[] {
    const tag = unit.slice(0, unit.search(/[ \r]/))
    const answered = isTagged(unit) ? this.#open.findIndex((one) => one.tag === tag) : -1
    const current = answered >= 0 ? this.#open[answered] : this.#open[0]
    if (answered >= 0) this.#open.splice(answered, 1)
    if (!this.#armed()) return [unit]
    const during = current?.command ?? ''
    let units: readonly string[] = [unit]
    for (const rule of this.#rules)
      units = units.flatMap((one) => rule.say?.(one, during, this.#state(current?.tag ?? '')) ?? [one])
    return units
  }

  /** The command that the next response belongs to. */
  get current(): string {
    return this.#open[0]?.command ?? ''
  }

  #state(tag: string): ExchangeState {
    return { tag, counts: this.#counts }
  }
}
