// IDLE (RFC 9051 §6.3.13): the chart is in idling, the session tells changes as they come, until DONE.
import { bad, type Completion, defineCommand, LOGGED_IN, ok } from '../command.ts'

export const idle = defineCommand({
  name: 'IDLE',
  states: LOGGED_IN,
  parse: () => null,
  run(session) {
    session.text('+ idling\r\n')
    return ok('Idle ended', { silent: true, event: 'imap.idleStarted' })
  },
})

/** What the next line makes of it; null is one that was too long. */
export const idleEnded = (line: string | null): Completion =>
  line?.toUpperCase() === 'DONE' ? ok('Idle ended') : bad('Expected DONE')
