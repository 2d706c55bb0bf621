// Sets of UIDs as ascending arrays: what search combines and sessions hold.

/** Index of `uid` in `uids[0, count)`, or the complement of where it would stand. */
export function findUid(uids: Uint32Array, uid: number, count = uids.length): number {
  let low = 0
  let high = count - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const value = uids[middle]!
    if (value === uid) return middle
    if (value < uid) low = middle + 1
    else high = middle - 1
  }
  return ~low
}

export function intersect(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(Math.min(a.length, b.length))
  let n = 0
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      out[n++] = a[i]!
      i++
      j++
    } else if (a[i]! < b[j]!) i++
    else j++
  }
  return out.subarray(0, n)
}

/** Those of `a` that are not in `b`. */
export function subtract(a: Uint32Array, b: Uint32Array): Uint32Array {
  const out = new Uint32Array(a.length)
  let n = 0
  for (let i = 0, j = 0; i < a.length; i++) {
    while (j < b.length && b[j]! < a[i]!) j++
    if (b[j] !== a[i]) out[n++] = a[i]!
  }
  return out.subarray(0, n)
}

export function unite(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const out = new Uint32Array(a.length + b.length)
  let n = 0
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const x = i < a.length ? a[i]! : 0x1_0000_0000
    const y = j < b.length ? b[j]! : 0x1_0000_0000
    out[n++] = Math.min(x, y)
    if (x <= y) i++
    if (y <= x) j++
  }
  return out.subarray(0, n)
}

/** Ascending and without doubles. */
export const uidSet = (uids: Iterable<number>): Uint32Array => Uint32Array.from(new Set(uids)).sort()
