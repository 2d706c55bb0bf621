// ID (RFC 2971)
import { ANY_STATE, defineCommand, ok } from '../command.ts'
import { formatString } from '../wire/encoder.ts'

const MAX_FIELDS = 60 // RFC 2971 §3.3: 30 pairs
const MAX_LOGGED = 200

export const id = defineCommand({
  name: 'ID',
  states: ANY_STATE,
  parse(args) {
    args.space()
    if (args.peek() === '(') return args.list(() => args.nstring(), MAX_FIELDS)
    args.nstring()
    return []
  },
  run(session, fields) {
    const client = fields.map((value) => (value ?? 'NIL').replace(/[^\x20-\x7e]/g, '?')).join(' ')
    if (client !== '') session.log.debug(`client is ${client.slice(0, MAX_LOGGED)}`)
    session.text(`* ID ("name" ${formatString('Estafeta')})\r\n`)
    return ok('Done')
  },
})
