// All commands by name.
import type { Command } from '../command.ts'
import { append } from './append.ts'
import { authenticate } from './authenticate.ts'
import { capability } from './capability.ts'
import { close, unselect } from './close.ts'
import { copy, move, uidCopy, uidMove } from './copy.ts'
import { create } from './create.ts'
import { deleteMailbox } from './delete.ts'
import { enable } from './enable.ts'
import { expunge, uidExpunge } from './expunge.ts'
import { fetch, uidFetch } from './fetch.ts'
import { id } from './id.ts'
import { idle } from './idle.ts'
import { list, lsub } from './list.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { namespace } from './namespace.ts'
import { check, noop } from './noop.ts'
import { rename } from './rename.ts'
import { search, uidSearch } from './search.ts'
import { examine, select } from './select.ts'
import { starttls } from './starttls.ts'
import { status } from './status.ts'
import { store, uidStore } from './store.ts'
import { subscribe, unsubscribe } from './subscribe.ts'

export const COMMANDS: readonly Command[] = [
  append,
  authenticate,
  capability,
  check,
  close,
  copy,
  create,
  deleteMailbox,
  enable,
  examine,
  expunge,
  fetch,
  id,
  idle,
  list,
  login,
  logout,
  lsub,
  move,
  namespace,
  noop,
  rename,
  search,
  select,
  starttls,
  status,
  store,
  subscribe,
  uidCopy,
  uidExpunge,
  uidFetch,
  uidMove,
  uidSearch,
  uidStore,
  unselect,
  unsubscribe,
]

const byName = new Map(COMMANDS.map((command) => [command.name, command]))

/** By its name in upper case; null for what is no command. */
export const findCommand = (name: string): Command | null => byName.get(name) ?? null
