/** What servers of FMUs tell while they run, for a log. */
import type { FmuLoaded } from '../instance/fmu-store.js';
import type { ServerEvent } from '../thrift/index.js';

export type RemoteEvent =
  | ServerEvent
  | FmuLoaded
  | {
      readonly event: 'started';
      readonly instance: string;
      readonly fmu: string;
      readonly pid: number;
      readonly port: number;
      readonly for: string;
      readonly ms: number;
    }
  | {
      readonly event: 'ended';
      readonly instance: string;
      readonly fmu: string;
      readonly pid: number;
      readonly code: number | null;
      readonly signal: string | null;
    }
  | { readonly event: 'failed'; readonly what: string; readonly for: string; readonly reason: string }
  /** A line of an instance's process on standard error. */
  | { readonly event: 'said'; readonly instance: string; readonly line: string };

export type OnEvent = (event: RemoteEvent) => void;

/** For people. */
export function formatEvent(event: RemoteEvent): string {
  switch (event.event) {
    case 'connected':
      return `${event.address} is connected`;
    case 'closed':
      return `${event.address} is gone${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'refused':
      return `${event.address} is refused: ${event.reason ?? ''}`;
    case 'loaded':
      return `${event.fmu} from ${event.from} (${event.sha256.slice(0, 12)}, ${Math.round(event.ms)} ms)`;
    case 'started':
      return `instance ${event.instance} of ${event.fmu} for ${event.for}: process ${event.pid}, port ${event.port} (${Math.round(event.ms)} ms)`;
    case 'ended':
      return `instance ${event.instance} of ${event.fmu} has ended (process ${event.pid}, ${event.signal ?? `exit code ${event.code}`})`;
    case 'failed':
      return `${event.what} for ${event.for} failed: ${event.reason}`;
    case 'said':
      return `${event.instance}: ${event.line}`;
  }
}
