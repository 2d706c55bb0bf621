// The settings of spf-dkim-dmarc.
import { durationSetting, z } from 'estafeta/plugin'

const score = z.number().default(0)

export const config = z.strictObject({
  spfFail: z
    .enum(['pass', 'reject'])
    .default('pass')
    .describe('What becomes of mail whose sender domain’s SPF record forbids the client (fail), at MAIL'),
  enforce: z
    .enum(['none', 'quarantine', 'reject'])
    .default('none')
    .describe('How far the DMARC policy of the author’s domain is applied to mail that fails'),
  onTemperror: z
    .enum(['pass', 'defer'])
    .default('pass')
    .describe('What becomes of mail that cannot be checked now, as when the DNS is down'),
  scores: z
    .strictObject({ spfFail: score, spfSoftfail: score, dkimFail: score, dmarcFail: score })
    .default({ spfFail: 0, spfSoftfail: 0, dkimFail: 0, dmarcFail: 0 })
    .describe('Added to the message’s score'),
  lookupTime: durationSetting.default(20_000).describe('Time for all DNS questions about one message'),
})

export type Config = z.infer<typeof config>
