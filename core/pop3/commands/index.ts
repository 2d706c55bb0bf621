// The table of verbs.
import type { Verb } from '../wire/command.ts'
import { apop } from './apop.ts'
import { auth } from './auth.ts'
import { capa } from './capa.ts'
import type { Command } from './command.ts'
import { dele } from './dele.ts'
import { lang } from './lang.ts'
import { list } from './list.ts'
import { noop } from './noop.ts'
import { pass } from './pass.ts'
import { quit } from './quit.ts'
import { retr } from './retr.ts'
import { rset } from './rset.ts'
import { stat } from './stat.ts'
import { stls } from './stls.ts'
import { top } from './top.ts'
import { uidl } from './uidl.ts'
import { user } from './user.ts'
import { utf8 } from './utf8.ts'

export const commands: { readonly [verb in Verb]: Command } = {
  user,
  pass,
  apop,
  auth,
  stls,
  capa,
  utf8,
  lang,
  stat,
  list,
  retr,
  dele,
  noop,
  rset,
  top,
  uidl,
  quit,
}
