/**
 * Outputs that tell how the bridge is doing. The order gives each its number in `tb_diagnostic`
 * (`fmu-shim/src/ring/region.h`), where they are computed.
 */
import type { BasicType } from './signals.js';

export interface Diagnostic {
  readonly type: BasicType;
  readonly unit?: string;
  readonly description: string;
}

export type DiagnosticName =
  | 'data_age'
  | 'queue_depth'
  | 'received'
  | 'used'
  | 'skipped'
  | 'late'
  | 'dropped'
  | 'link_up'
  | 'duplicate'
  | 'rejected'
  | 'held'
  | 'transport_delay'
  | 'ring_delay'
  | 'confirm_delay'
  | 'confirmed'
  | 'refused_values'
  | 'unknown_fields'
  | 'partial'
  | 'out_of_order'
  | 'repeated'
  | 'reconnects'
  | 'time_discrepancy'
  | 'simtime_discrepancy'
  | 'next_time'
  | 'redelivered'
  | 'latched'
  | 'latched_confirmed';

export const DIAGNOSTICS: Readonly<Record<DiagnosticName, Diagnostic>> = {
  data_age: {
    type: 'Real',
    unit: 's',
    description: 'communication point minus the time of the oldest value that is output',
  },
  queue_depth: { type: 'Integer', description: 'samples decoded and not yet consumed' },
  received: { type: 'Integer', description: 'messages that arrived' },
  used: { type: 'Integer', description: 'samples that became an output' },
  skipped: { type: 'Integer', description: 'samples passed over for a newer one' },
  late: { type: 'Integer', description: 'samples older than what was already output' },
  dropped: { type: 'Integer', description: 'samples dropped because the ring was full' },
  link_up: { type: 'Boolean', description: 'the connection to the broker stands' },
  duplicate: { type: 'Integer', description: 'samples with the time of a value already output' },
  rejected: { type: 'Integer', description: 'messages that were no sample' },
  held: { type: 'Integer', description: 'steps whose outputs stayed, within maxage' },
  transport_delay: {
    type: 'Real',
    unit: 's',
    description: 'arrival in the ring minus sample time, of the newest value',
  },
  ring_delay: { type: 'Real', unit: 's', description: 'wall clock now minus arrival in the ring, of the newest value' },
  confirm_delay: {
    type: 'Real',
    unit: 's',
    description: "broker's confirm minus the doStep that published, of the last confirmed message",
  },
  confirmed: { type: 'Integer', description: 'published messages that the broker confirmed' },
  refused_values: { type: 'Integer', description: 'values of a wrong type or range in messages that were used' },
  unknown_fields: { type: 'Integer', description: 'messages with unknown fields' },
  partial: { type: 'Integer', description: 'messages without some of the signals' },
  out_of_order: { type: 'Integer', description: 'messages older than one that arrived before' },
  repeated: { type: 'Integer', description: 'messages that bring a signal again for the newest time' },
  reconnects: { type: 'Integer', description: 'times that a connection was lost and is back' },
  time_discrepancy: {
    type: 'Real',
    unit: 'ms',
    description: "co-simulation's time minus the peer's, from the newest health message; 0.4242 until there is one",
  },
  simtime_discrepancy: {
    type: 'Real',
    unit: 'ms',
    description: 'between the communication point and the time in the newest health message; 0.4243 until there is one',
  },
  next_time: {
    type: 'Real',
    unit: 's',
    description: 'communication point at which the next waiting sample becomes due; 1.7976931348623157e308: none waits',
  },
  redelivered: {
    type: 'Integer',
    description: 'messages that the broker delivered again after an outage, and that were known',
  },
  latched: { type: 'Boolean', description: 'a latched input has been true' },
  latched_confirmed: { type: 'Boolean', description: 'the broker has routed the message that says so' },
};
