/** A draft whose results go elsewhere than its file says, or hold other variables. */
import { extname, resolve } from 'node:path';
import type { DraftRecording, SystemDraft } from './draft.js';
import { RECORD_FORMATS } from './system.js';

export interface RecordingChange {
  /** Relative to the working directory. */
  readonly file?: string;
  /** Patterns of names. */
  readonly variables?: readonly string[];
  readonly every?: number;
}

/** Changes the first recording: the one that is reported. */
export function withRecording(draft: SystemDraft, { file, variables, every }: RecordingChange): SystemDraft {
  if (file === undefined && variables === undefined && every === undefined) return draft;
  const [first = {}, ...others] = draft.recordings ?? [];
  const { format, ...rest } = first;
  const location = { file: '--record' };
  const changed: DraftRecording = {
    ...rest,
    ...(file === undefined ? {} : { file: resolve(file) }),
    // A file with an extension of a format has that format; another one that of before.
    ...(format === undefined || (file !== undefined && hasFormat(file)) ? {} : { format }),
    ...(variables === undefined
      ? {}
      : { variables: variables.map((value) => ({ value, location })), connected: false }),
    ...(every === undefined ? {} : { every }),
  };
  return { ...draft, recordings: [changed, ...others] };
}

function hasFormat(file: string): boolean {
  return (RECORD_FORMATS as readonly string[]).includes(extname(file).slice(1).toLowerCase());
}
