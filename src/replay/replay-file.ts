/** A recording onto a broker in one call: opens the file and the broker, plays, closes. */
import { AmqpSink, type AmqpTarget } from './amqp-sink.js';
import { openRecording, type RecordingOptions } from './open-recording.js';
import { Player, type PlayerOptions } from './player.js';
import type { ReplayReport } from './report.js';
import type { Sink } from './sink.js';

export interface ReplayFileOptions extends RecordingOptions, Omit<PlayerOptions, 'source' | 'sink'> {
  /** Where the messages go: an exchange of a broker, or a sink of one's own (which is not closed). */
  readonly target: AmqpTarget | Sink;
  /** Called every `progressIntervalMs` (default 250) with how far the replay is. */
  readonly onProgress?: (report: ReplayReport) => void;
  readonly progressIntervalMs?: number;
}

const DEFAULT_PROGRESS_INTERVAL_MS = 250;

/**
 * Resolves with the report when the last message is confirmed, or when `signal` aborted and what was sent is
 * confirmed. Throws what is wrong with the recording (exit code 3), before it turns to the broker where that shows in
 * the first rows, and what the broker refuses (exit code 4 if it cannot be reached).
 */
export async function replayFile(options: ReplayFileOptions): Promise<ReplayReport> {
  const { target, onProgress, progressIntervalMs = DEFAULT_PROGRESS_INTERVAL_MS } = options;
  let opened: AmqpSink | undefined;
  const open = async (to: AmqpTarget) => {
    opened = await AmqpSink.open(to);
    return opened;
  };
  const player = new Player({
    ...options,
    source: openRecording(options),
    sink: 'send' in target ? target : () => open(target),
  });
  const progress = onProgress && setInterval(() => onProgress(player.report()), progressIntervalMs);
  try {
    return await player.play();
  } finally {
    clearInterval(progress);
    await opened?.close();
  }
}
