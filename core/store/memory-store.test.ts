// The memory store keeps the contract.
import { FakeClock } from '../base/clock.ts'
import { describeStore } from './contract.suite.ts'
import { createMemoryStore } from './memory-store.ts'

describeStore('memory store', async () => {
  const store = createMemoryStore({ clock: new FakeClock() })
  return { store, reopen: null, end: () => store.close() }
})
