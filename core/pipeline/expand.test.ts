// Expansion of long lists: that other work has its turn while they are looked up.
import { expect, test } from 'vitest'
import type { Address } from '../message/address.ts'
import type { QueuedFacts } from '../plugin/contract.ts'
import type { HookRunner } from '../plugin/generation.ts'
import type { QueuedRecipient } from '../queue/queue.ts'
import { expandRecipient, KnownRecipients, TURN } from './expand.ts'

const address = (local: string): Address => ({ local, domain: 'here.test', original: `${local}@here.test` })
const list = { n: 0, address: address('all'), reversePath: null, notify: [], orcpt: null } as unknown as QueuedRecipient
const members = Array.from({ length: 5 * TURN }, (_, i) => ({ ...list, address: address(`m${i}`) }))
const hooks = {
  expand: ({ address: { local } }: QueuedRecipient) => (local === 'all' ? members : null),
  isLocalDomain: () => true,
} as unknown as HookRunner

test('a long list is looked up in pieces: other work has its turn in between', async () => {
  let turns = 0
  let next = setImmediate(function turn() {
    turns++
    next = setImmediate(turn)
  })
  const expansion = await expandRecipient(list, {} as QueuedFacts, hooks, new KnownRecipients([list], hooks))
  clearImmediate(next)
  expect(expansion).toMatchObject({ kind: 'into', into: { length: members.length } })
  expect(turns).toBeGreaterThanOrEqual(4)
})
