// The reference IMAP server's CAPABILITY, ENABLE and ID: RFC 9051 §6.1.1, §6.3.1, RFC 2971.
import type { Session } from './imap-session.ts'
import { Bad, type Syntax } from './imap-syntax.ts'

const EXTENDED =
  'UTF8=ACCEPT PARTIAL REPLACE UNAUTHENTICATE QUOTA QUOTA=RES-STORAGE MULTISEARCH COMPRESS=DEFLATE INPROGRESS MESSAGELIMIT=1000 UIDONLY URLAUTH FILTERS NOTIFY JMAPACCESS'.split(
    ' ',
  )

export function capabilities(session: Session): string {
  const { offersTls, privacyRequired, literals, appendLimit, limitByStatus } = session.server
  const names = ['IMAP4rev2', 'IMAP4rev1', literals, 'ID', 'ENABLE', 'SASL-IR', 'IDLE']
  if (!session.account) {
    if (offersTls && !session.secure) names.push('STARTTLS')
    names.push(privacyRequired && !session.secure ? 'LOGINDISABLED' : 'AUTH=PLAIN')
    if (session.server.extended) names.push('AUTH=CRAM-MD5')
    return names.join(' ')
  }
  return [
    ...names,
    ...'NAMESPACE UIDPLUS MULTIAPPEND UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS ESEARCH SEARCHRES MOVE'.split(' '),
    ...(appendLimit > 0 ? [limitByStatus ? 'APPENDLIMIT' : `APPENDLIMIT=${appendLimit}`] : []),
    ...(session.server.extended ? EXTENDED : []),
    ...(session.server.modseq ? ['CONDSTORE'] : []),
    ...'BINARY SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE WITHIN SAVEDATE'.split(' '),
  ].join(' ')
}

export function enable(session: Session, syntax: Syntax): string {
  const enabled: string[] = []
  do {
    syntax.sp()
    const name = syntax.atom()
    const isRev2 = session.faulty('enable-minds-case') ? name === 'IMAP4rev2' : name.toUpperCase() === 'IMAP4REV2'
    if (name.toUpperCase() === 'CONDSTORE' && session.server.modseq) {
      session.condstore = true
      enabled.push('CONDSTORE')
    }
    if (name.toUpperCase() === 'UIDONLY' && session.server.extended) {
      session.uidOnly = true
      enabled.push('UIDONLY')
    }
    if (name.toUpperCase() === 'UTF8=ACCEPT' && session.server.extended && !session.utf8) {
      session.utf8 = true
      enabled.push('UTF8=ACCEPT')
    }
    if (isRev2 && !session.rev2) {
      session.rev2 = true
      enabled.push('IMAP4rev2')
    }
  } while (!syntax.over)
  session.untagged(`ENABLED${enabled.map((name) => ` ${name}`).join('')}`)
  return 'Done'
}

/** RFC 2971 §3.3: at most 30 fields, names of at most 30 octets, values of at most 1024. */
export function readId(syntax: Syntax): void {
  if (!syntax.take('NIL')) {
    const pairs = syntax.list(() => {
      const name = syntax.string()
      syntax.sp()
      return [name, syntax.take('NIL') ? '' : syntax.string()] as const
    })
    if (pairs.length > 30 || pairs.some(([name, value]) => name.length > 30 || value.length > 1024))
      throw new Bad('too much')
  }
  syntax.end()
}
