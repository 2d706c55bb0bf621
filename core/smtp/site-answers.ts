// Answers that depend on the site alone, or on the site and what it offers a session: made once, whoever gets them.
import type { Site } from '../config/site.ts'
import { replies } from '../message/reply.ts'
import { capabilities, type Offer } from './capabilities.ts'
import { type Answer, goodbye, proceed } from './commands/command.ts'

export class SiteAnswers {
  readonly #site: Site
  readonly greeting: { readonly [protocol in 'ESMTP' | 'LMTP']: Answer }
  readonly closing: Answer
  /** To HELO. */
  readonly plainWelcome: Answer
  readonly #welcomes = new Map<string, Answer>()

  constructor(site: Site) {
    this.#site = site
    this.greeting = {
      ESMTP: proceed('connect.admitted', replies.greeting(site.hostname, 'ESMTP')),
      LMTP: proceed('connect.admitted', replies.greeting(site.hostname, 'LMTP')),
    }
    this.plainWelcome = proceed('hello.accepted', replies.hello([site.hostname]))
    this.closing = goodbye(replies.closing(site.hostname))
  }

  /** To EHLO and LHLO. */
  welcome(offer: Offer): Answer {
    const key = `${offer.starttls} ${offer.reports} ${offer.passwords}`
    const answer = this.#welcomes.get(key) ?? proceed('hello.accepted', replies.hello(capabilities(this.#site, offer)))
    this.#welcomes.set(key, answer)
    return answer
  }
}

const known = new WeakMap<Site, SiteAnswers>()

export function answersOf(site: Site): SiteAnswers {
  let answers = known.get(site)
  if (answers === undefined) {
    answers = new SiteAnswers(site)
    known.set(site, answers)
  }
  return answers
}
