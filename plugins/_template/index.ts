// my-plugin: what it does, in one sentence.
import { decodeHeaderText, definePlugin, LOGGER, type MessageAnswer, reject, replies, z } from 'estafeta/plugin'

const config = z.strictObject({
  word: z.string().min(1).default('lottery').describe('Subjects with this word are refused'),
})

export default definePlugin({
  name: 'my-plugin',
  description: 'Refuses mail whose subject has a word',
  config,
  inject: { log: LOGGER },
  setup({ config: { word }, log }) {
    const unwanted = word.toLowerCase()
    return {
      // the hooks: connect, helo, auth, mail, rcpt, data, message, queued, expand, route, couriers, mailbox, observe, close
      message({ header, queueId }): MessageAnswer {
        const subject = decodeHeaderText(header.get('Subject') ?? '')
        if (!subject.toLowerCase().includes(unwanted)) return { add: [{ name: 'X-My-Plugin', value: 'passed' }] }
        log.info(`refused for its subject: ${subject}`, { qid: queueId })
        return { all: reject(replies.blocked('Your subject is not welcome here'), `subject has '${word}'`) }
      },
    }
  },
})
