import { describe, expect, test } from 'vitest'
import { parseParameters } from './command.ts'
import { parseMailParameters, parseRcptParameters } from './parameters.ts'

const words = (text: string): ReadonlyMap<string, string | null> => {
  const parsed = parseParameters(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.value
}
const mail = (text: string, auth = true) => parseMailParameters(words(text), { auth })
const rcpt = (text: string) => parseRcptParameters(words(text))

describe('MAIL', () => {
  test('all of them', () =>
    expect(mail('SIZE=12 body=7bit SMTPUTF8 RET=full ENVID=QQ+2B1 AUTH=a+40b')).toMatchObject({
      ok: true,
      value: { size: 12, body: '7bit', smtputf8: true, ret: 'full', envid: 'QQ+1', auth: 'a@b' },
    }))
  test('AUTH=<> is nobody', () => expect(mail('AUTH=<>')).toMatchObject({ ok: true, value: { auth: '' } }))
  test.each([
    'SIZE',
    'SIZE=-1',
    'SIZE=123456789012345678901',
    'BODY',
    'BODY=9BIT',
    'BODY=BINARYMIME',
    'SMTPUTF8=yes',
    'RET=ALL',
    'ENVID',
    'ENVID=a+2',
    'ENVID=a+0A',
    `ENVID=${'x'.repeat(101)}`,
    'AUTH=a+zz',
  ])('%s is 501', (text) => expect(mail(text)).toMatchObject({ ok: false, error: { code: 501 } }))
  test.each(['REQUIRETLS', 'HOLDFOR=1', 'X=1'])('%s is 555', (text) =>
    expect(mail(text)).toMatchObject({ ok: false, error: { code: 555, enhanced: '5.5.4' } }),
  )
  test('AUTH where there is none is 555', () =>
    expect(mail('AUTH=<>', false)).toMatchObject({ ok: false, error: { code: 555 } }))
})

describe('RCPT', () => {
  test('both of them', () =>
    expect(rcpt('NOTIFY=Success,FAILURE ORCPT=rfc822;a+2Bb@c.test')).toEqual({
      ok: true,
      value: { notify: ['success', 'failure'], orcpt: 'rfc822;a+b@c.test' },
    }))
  test.each([
    'NOTIFY',
    'NOTIFY=NEVER,DELAY',
    'NOTIFY=DELAY,DELAY',
    'NOTIFY=,',
    'ORCPT=a@b',
    'ORCPT=;a@b',
    'ORCPT=rfc822;',
    'ORCPT=rfc822;a+0Ab',
    'ORCPT=rf c;a',
    `ORCPT=rfc822;${'x'.repeat(500)}`,
  ])('%s is 501', (text) => {
    const parsed = parseParameters(text)
    if (parsed.ok) expect(parseRcptParameters(parsed.value)).toMatchObject({ ok: false })
    else expect(parsed.error).toBeTruthy()
  })
  test('anything else is 555', () => expect(rcpt('SIZE=1')).toMatchObject({ ok: false, error: { code: 555 } }))
})
