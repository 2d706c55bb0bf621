// All faults by which the cases of the smtp-client suite are shown to be able to fail.
import type { SenderFaults } from '../sender-fault.ts'
import { senderCommandFaults } from './sender-commands.ts'
import { senderExtensionFaults } from './sender-extensions.ts'
import { senderHostFaults } from './sender-hosts.ts'
import { senderReplyFaults } from './sender-replies.ts'
import { senderReportFaults } from './sender-reports.ts'
import { senderSessionFaults } from './sender-session.ts'
import { senderTextFaults } from './sender-text.ts'
import { senderTraceFaults } from './sender-trace.ts'

export const senderFaults: SenderFaults = {
  ...senderSessionFaults,
  ...senderCommandFaults,
  ...senderTextFaults,
  ...senderTraceFaults,
  ...senderReplyFaults,
  ...senderExtensionFaults,
  ...senderReportFaults,
  ...senderHostFaults,
}
