// The Debian packages that the tests and the bench drive as peers, each with what it is for.

export const PEER_PACKAGES: { readonly [name: string]: string } = {
  postfix: 'a peer MTA, smarthost, smtp-source and smtp-sink',
  'postfix-pcre': 'pattern tables of the Postfix that the bench measures',
  'dovecot-imapd': 'a peer IMAP server, and the other reader of our Maildirs',
  'dovecot-pop3d': 'a peer POP3 server',
  'dovecot-lmtpd': 'a peer LMTP server',
  'clamav-daemon': 'the virus scanner behind the clamav plugin',
  swaks: 'SMTP client',
  curl: 'SMTP, IMAP and POP3 client',
  msmtp: 'SMTP client',
  mutt: 'IMAP and mbox client',
  isync: 'IMAP client (mbsync)',
  fetchmail: 'POP3 and IMAP client',
  getmail6: 'POP3 and IMAP client',
  procmail: 'the other writer of our mbox files',
  opendkim: 'DKIM verifier',
  'opendkim-tools': 'DKIM key tools',
  'libmail-dkim-perl': 'DKIM verifier',
  'python3-dkim': 'DKIM verifier',
  strace: 'shows the sync before the 250',
  pflogsumm: 'reads our log as an administrator would',
  logwatch: 'reads our log as an administrator would',
  logrotate: 'moves our log aside as an administrator would',
  fail2ban: 'reads our log for failed logins (fail2ban-regex; its server is never started)',
  libidn12: 'a library of Exim, whose program is setuid and so looks for none aside',
  unbound: 'a resolver that daemons without a DNS port setting can be pointed at',
}

/** Packages that conflict with one above: always unpacked aside, never installed. */
export const ASIDE_PACKAGES: { readonly [name: string]: string } = {
  'exim4-daemon-light': 'a second peer MTA; conflicts with Postfix',
  'cyrus-imapd': 'a peer IMAP and LMTP server; conflicts with Dovecot',
  'cyrus-pop3d': 'its POP3 server',
  'sasl2-bin': 'writes the passwords of Cyrus',
  'courier-imap': 'a peer IMAP server; conflicts with Dovecot',
  'courier-pop': 'its POP3 server',
  opensmtpd: 'a peer MTA; conflicts with Postfix',
  'sendmail-bin': 'a peer MTA; conflicts with Postfix',
}
