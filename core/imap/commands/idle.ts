// IDLE (RFC 9051 §6.3.13): the chart is in idling, the session tells changes as they come, until DONE.
import { bad, defineCommand, LOGGED_IN, ok } from '../command.ts'

export const idle = defineCommand({
  name: 'IDLE',
  states: LOGGED_IN,
  parse: () => null,
  async run(session) {
    session.text('+ idling\r\n')
    session.enter('imap.idleStarted')
    const line = await session.reader.line()
    return line?.toUpperCase() === 'DONE' ? ok('Idle ended') : bad('Expected DONE')
  },
})
