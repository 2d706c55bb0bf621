// Checks passwords without letting logins starve the machine: few hashes at once, a bounded queue, and a short memory of those that passed.
import { createHmac, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import { replies } from '../message/reply.ts'
import { opaqueString } from './opaque-string.ts'
import { schemes, splitSecret } from './password-schemes.ts'

/** At most half the cores hash at once: the rest of the server goes on. */
const AT_ONCE = Math.max(1, Math.floor(availableParallelism() / 2))
/** Logins that may wait for their turn; more get 454 4.7.0 or [UNAVAILABLE]. */
const MAX_WAITING = 200
const REMEMBER_MS = 5 * 60_000
const MAX_REMEMBERED = 10_000
/** Octets; longer ones are wrong without looking. */
const MAX_PASSWORD = 1024

/** Checked in place of an unknown user's when no user has a password: of a random one, made at default strength. */
const NOBODY =
  '{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$fM2w0dVYkY4lVb3sIq8gTg$Jg7kOYpVqf5mB1Qv6cE0sZl4nT9xUa2rHd8wKy3oXbI'

export class Passwords {
  readonly #clock: Clock
  readonly #key = randomBytes(32)
  /** Keyed hash of stored and given password → until when (monotonic ms). In order of age. */
  readonly #passed = new Map<string, number>()
  /** Checks under way: equal ones share the work. */
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #waiting: (() => void)[] = []
  #hashing = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True when `password` is that of `secret`. A null secret is nobody's: false, after as long as `decoy` (or a default) takes. */
  async verify(secret: string | null, password: string, decoy: string | null = null): Promise<boolean> {
    if (Buffer.byteLength(password) > MAX_PASSWORD || password === '') return false
    if (await this.#matches(secret, opaqueString(password), decoy)) return true
    // hashes that other programs made are of what was typed
    return password !== opaqueString(password) && this.#matches(secret, password, decoy)
  }

  async #matches(secret: string | null, password: string, decoy: string | null): Promise<boolean> {
    const real = secret ?? decoy ?? NOBODY
    const key = createHmac('sha256', this.#key).update(real).update('\0').update(password).digest('base64')
    if (secret !== null && this.#remembers(key)) return true
    let check = this.#running.get(key)
    if (!check) {
      check = this.#check(real, password).finally(() => this.#running.delete(key))
      this.#running.set(key, check)
    }
    const right = (await check) && secret !== null
    if (right) this.#remember(key)
    return right
  }

  async #check(secret: string, password: string): Promise<boolean> {
    const parts = splitSecret(secret)
    const scheme = parts && schemes.get(parts.scheme)
    if (!parts || !scheme?.wellFormed(parts.stored)) return false
    if (scheme.cheap) return scheme.verify(password, parts.stored)
    await this.#turn()
    try {
      return await scheme.verify(password, parts.stored)
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#hashing -= 1
    }
  }

  /** Resolves when this check may hash; whoever ends hands its place to the next. */
  #turn(): void | Promise<void> {
    if (this.#hashing < AT_ONCE) {
      this.#hashing += 1
      return
    }
    if (this.#waiting.length >= MAX_WAITING)
      throw temporary('too many logins at once', { reply: replies.authUnavailable() })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #remembers(key: string): boolean {
    const until = this.#passed.get(key)
    return until !== undefined && until > this.#clock.mono()
  }

  #remember(key: string): void {
    this.#passed.delete(key)
    this.#passed.set(key, this.#clock.mono() + REMEMBER_MS)
    for (const oldest of this.#passed.keys()) {
      if (this.#passed.size <= MAX_REMEMBERED) break
      this.#passed.delete(oldest)
    }
  }
}
