// The table of verbs.
import type { Verb } from '../session.machine.ts'
import { auth } from './auth.ts'
import { bdat } from './bdat.ts'
import type { Command } from './command.ts'
import { data } from './data.ts'
import { ehlo } from './ehlo.ts'
import { etrn } from './etrn.ts'
import { expn } from './expn.ts'
import { helo } from './helo.ts'
import { help } from './help.ts'
import { lhlo } from './lhlo.ts'
import { mail } from './mail.ts'
import { noop } from './noop.ts'
import { quit } from './quit.ts'
import { rcpt } from './rcpt.ts'
import { rset } from './rset.ts'
import { starttls } from './starttls.ts'
import { vrfy } from './vrfy.ts'

export const commands: { readonly [verb in Verb]: Command } = {
  ehlo,
  helo,
  lhlo,
  starttls,
  auth,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  vrfy,
  expn,
  etrn,
  help,
  quit,
}

export const commandsFor = (protocol: 'ESMTP' | 'LMTP'): readonly Command[] =>
  Object.values(commands).filter((command) => command.only === undefined || command.only === protocol)
