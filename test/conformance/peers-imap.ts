// The real IMAP servers before which the fault proxy stands: Dovecot and Cyrus, with all extensions that they have.
import { startCyrus } from '../kit/peers/cyrus.ts'
import { startDovecot } from '../kit/peers/dovecot.ts'
import { behindProxy, type Open } from './proof-imap.ts'

/** Dovecot's plugins for QUOTA, ACL, METADATA and COMPRESS. */
const DOVECOT_EXTRA = `
mail_fsync = never
mail_attribute_dict = file:%h/attributes
mail_plugins = quota acl
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=1G
  acl = vfile
}
protocol imap {
  mail_plugins = quota acl imap_quota imap_acl imap_zlib
  imap_metadata = yes
}
`

const PASSWORD = 'a-password'

export interface Peers {
  readonly sides: { readonly [side: string]: Open }
  stop(): Promise<void>
}

export async function startPeers(): Promise<Peers> {
  const users = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `u${at}`, password: PASSWORD }))
  // one after the other: both look for free ports
  const dovecot = await startDovecot({ users: users(1000), extra: DOVECOT_EXTRA })
  const cyrus = await startCyrus({ users: users(12) })
  return {
    sides: {
      dovecot: behindProxy(dovecot.imap, next(1000)),
      cyrus: behindProxy(cyrus.imap, next(12)),
    },
    async stop() {
      await Promise.all([dovecot.stop(), cyrus.stop()])
    },
  }
}

/** One user after another. */
function next(count: number): () => { user: string; password: string } {
  let given = 0
  return () => ({ user: `u${given++ % count}`, password: PASSWORD })
}
