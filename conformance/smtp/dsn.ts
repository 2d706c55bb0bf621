// SMTP: the parameters of the DSN extension.
import { check } from '../judgement.ts'
import { quoted } from './client.ts'
import { bareKeyword, commandCase, type SmtpCase } from './suite.ts'

const DSN = { capabilities: ['DSN'] } as const
const WITH_RECIPIENT = { ...DSN, recipient: true } as const

/** A valid parameter changes nothing: MAIL is taken as without it. */
const mailTakes = (slug: string, section: string, requirement: string, parameters: string): SmtpCase =>
  mailCase(slug, `RFC 3461 §${section}`, requirement, parameters, '250')

/** An invalid or doubled parameter of MAIL: 501. */
const mailRefuses = (slug: string, requirement: string, parameters: string): SmtpCase =>
  mailCase(slug, 'RFC 3461 §5.1', requirement, parameters, '501')

const mailCase = (slug: string, rfc: string, requirement: string, parameters: string, codes: string): SmtpCase =>
  commandCase({
    id: `smtp/dsn/${slug}`,
    rfc,
    level: 'must',
    requirement,
    needs: DSN,
    line: (s) => `MAIL FROM:<${s.target.from}> ${parameters}`,
    codes,
  })

const rcptTakes = (slug: string, section: string, requirement: string, parameters: string): SmtpCase =>
  commandCase({
    id: `smtp/dsn/${slug}`,
    rfc: `RFC 3461 §${section}`,
    level: 'must',
    requirement,
    needs: WITH_RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}> ${parameters}`,
    codes: '25[01]',
  })

/** An invalid or doubled parameter of RCPT: 501, which RFC 3461 §5.1 (b) only recommends. */
const rcptRefuses = (slug: string, requirement: string, parameters: string): SmtpCase =>
  commandCase({
    id: `smtp/dsn/${slug}`,
    rfc: 'RFC 3461 §5.1',
    level: 'should',
    requirement,
    needs: WITH_RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}> ${parameters}`,
    codes: '501',
  })

/** The parameter has a value, or it is none that the server knows (RFC 5321 §4.1.1.11). */
const wantsValue = (name: string, section: string) => ({
  id: `smtp/dsn/${name.toLowerCase()}-no-value`,
  rfc: `RFC 3461 §${section}`,
  level: 'should' as const,
  requirement: `${name} without a value is answered by 501 or 555.`,
  codes: '501|555',
})

const mailWantsValue = (name: string, section: string): SmtpCase =>
  commandCase({
    ...wantsValue(name, section),
    needs: DSN,
    line: (s) => `MAIL FROM:<${s.target.from}> ${name}`,
  })

const rcptWantsValue = (name: string, section: string): SmtpCase =>
  commandCase({
    ...wantsValue(name, section),
    needs: WITH_RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}> ${name}`,
  })

export const dsnCases: readonly SmtpCase[] = [
  bareKeyword('smtp/dsn/no-parameters', 'RFC 3461 §3', 'DSN'),
  mailTakes('ret-hdrs', '4.3', 'MAIL takes RET=HDRS.', 'RET=HDRS'),
  mailTakes('ret-full', '4.3', 'MAIL takes RET=FULL.', 'RET=FULL'),
  mailTakes('ret-case', '4.3', 'The values of RET are recognised in any case (RET=hDrs).', 'RET=hDrs'),
  mailRefuses('ret-unknown', 'A RET value other than FULL and HDRS is answered by 501.', 'RET=BODY'),
  mailWantsValue('RET', '4.3'),
  mailRefuses('ret-twice', 'RET given twice in a MAIL command is answered by 501.', 'RET=HDRS RET=FULL'),
  mailTakes('envid', '4.4', 'MAIL takes an ENVID parameter of 100 characters.', `ENVID=${'x'.repeat(94)}`),
  mailTakes('envid-xtext', '4.4', 'An ENVID is xtext: "+3D" stands for "=".', 'ENVID=a+3Db'),
  mailTakes('ret-and-envid', '4.5', 'MAIL takes RET and ENVID together.', 'RET=HDRS ENVID=conformance'),
  mailRefuses(
    'envid-bad-xtext',
    'An ENVID in which "+" has no two hexadecimal digits behind it is answered by 501.',
    'ENVID=a+zz',
  ),
  mailRefuses(
    'envid-lower-hex',
    'The hexadecimal digits of xtext are upper case: an ENVID with "+3d" is answered by 501.',
    'ENVID=a+3db',
  ),
  mailWantsValue('ENVID', '4.4'),
  mailRefuses('envid-twice', 'ENVID given twice in a MAIL command is answered by 501.', 'ENVID=a ENVID=b'),
  rcptTakes('notify-never', '4.1', 'RCPT takes NOTIFY=NEVER.', 'NOTIFY=NEVER'),
  rcptTakes(
    'notify-list',
    '4.1',
    'RCPT takes a list of SUCCESS, FAILURE, DELAY in NOTIFY.',
    'NOTIFY=SUCCESS,FAILURE,DELAY',
  ),
  rcptTakes(
    'notify-case',
    '4.1',
    'NOTIFY and its values are recognised in any case (notify=Success,dELAY).',
    'notify=Success,dELAY',
  ),
  rcptRefuses(
    'notify-never-alone',
    'NEVER stands alone in NOTIFY: NEVER,FAILURE is answered by 501.',
    'NOTIFY=NEVER,FAILURE',
  ),
  rcptRefuses('notify-unknown', 'A NOTIFY value that does not exist is answered by 501.', 'NOTIFY=SOMETIMES'),
  rcptWantsValue('NOTIFY', '4.1'),
  rcptRefuses(
    'notify-twice',
    'NOTIFY given twice in a RCPT command is answered by 501.',
    'NOTIFY=DELAY NOTIFY=FAILURE',
  ),
  rcptTakes(
    'orcpt',
    '4.2',
    'RCPT takes ORCPT with an address type and an xtext address.',
    'ORCPT=rfc822;first+2Blast@example.org',
  ),
  rcptTakes(
    'orcpt-500',
    '4.2',
    'RCPT takes an ORCPT parameter of 500 characters, though the command line grows beyond 512 octets.',
    `ORCPT=rfc822;${'x'.repeat(475)}@example.org`,
  ),
  rcptTakes(
    'notify-and-orcpt',
    '4.5',
    'RCPT takes NOTIFY and ORCPT together.',
    'NOTIFY=FAILURE ORCPT=rfc822;ana@example.org',
  ),
  rcptRefuses('orcpt-no-type', 'An ORCPT without an address type is answered by 501.', 'ORCPT=ana@example.org'),
  rcptRefuses(
    'orcpt-bad-xtext',
    'An ORCPT whose address is not xtext ("+zz") is answered by 501.',
    'ORCPT=rfc822;a+zz@example.org',
  ),
  rcptWantsValue('ORCPT', '4.2'),
  rcptRefuses(
    'orcpt-twice',
    'ORCPT given twice in a RCPT command is answered by 501.',
    'ORCPT=rfc822;a@example.org ORCPT=rfc822;b@example.org',
  ),
  {
    id: 'smtp/dsn/same-answer',
    rfc: 'RFC 3461 §5.1',
    level: 'must',
    requirement:
      'A RCPT with valid NOTIFY and ORCPT has the same reply code as without them (judged: a mailbox that does not exist).',
    needs: WITH_RECIPIENT,
    state: 'mail',
    async run(s) {
      const without = await s.send(`RCPT TO:<${s.target.unknown}>`)
      const reply = await s.send(`RCPT TO:<${s.target.unknown}> NOTIFY=NEVER ORCPT=rfc822;ana@example.org`)
      check(reply.code === without.code, `${without.code} again`, quoted(reply))
    },
  },
]
