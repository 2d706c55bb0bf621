// Tells sessions what changed: one feed a mailbox and one an account, in order, to whoever listens at that moment.
import type { Observable } from 'rxjs'
import { Subject } from 'rxjs/internal/Subject'

export class ChangeFeed<T> {
  readonly #subject = new Subject<T>()
  readonly changes$: Observable<T> = this.#subject.asObservable()

  get watched(): boolean {
    return this.#subject.observed
  }
  publish(change: T): void {
    this.#subject.next(change)
  }
  complete(): void {
    this.#subject.complete()
  }
}
