// All faults by which the cases of the smtp-client suite are shown to be able to fail, written by who had not read the cases.
import type { SenderFaults } from '../sender-fault.ts'
import { senderAddressFaults } from './sender-addresses.ts'
import { senderCommandFaults } from './sender-commands.ts'
import { senderDsnFaults } from './sender-dsn.ts'
import { senderEightBitFaults } from './sender-eight-bit.ts'
import { senderExtensionFaults } from './sender-extensions.ts'
import { senderHostFaults } from './sender-hosts.ts'
import { senderRefusalFaults } from './sender-refusals.ts'
import { senderReplyFaults } from './sender-replies.ts'
import { senderReportFaults } from './sender-reports.ts'
import { senderSessionFaults } from './sender-session.ts'
import { senderTextFaults } from './sender-text.ts'
import { senderTlsFaults } from './sender-tls.ts'
import { senderTraceFaults } from './sender-trace.ts'

export const senderFaults: SenderFaults = {
  ...senderSessionFaults,
  ...senderCommandFaults,
  ...senderAddressFaults,
  ...senderTextFaults,
  ...senderEightBitFaults,
  ...senderTraceFaults,
  ...senderReplyFaults,
  ...senderRefusalFaults,
  ...senderExtensionFaults,
  ...senderTlsFaults,
  ...senderReportFaults,
  ...senderDsnFaults,
  ...senderHostFaults,
}
