// Things that come and go by the thousand a second: a list in no order, from which any one can be taken out at once.

export interface Member {
  /** Its place in the crowd; -1 outside. Kept by the crowd. */
  place: number
}

/**
 * In the place of a Set: that one makes a new table every few changes, and each table it leaves behind keeps what it held
 * from being collected while it was young.
 */
export class Crowd<T extends Member> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    if (member.place >= 0) return
    member.place = this.#members.length
    this.#members.push(member)
  }

  remove(member: T): void {
    const { place } = member
    if (place < 0) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Those who are in it now, whoever leaves or comes meanwhile. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.slice().values()
  }
}
