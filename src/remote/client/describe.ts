/** What a remote FMU says of itself: by its archive on this machine, else over the wire. */
import { type FmuModel, readFmuModel } from '../../fmi/index.js';
import type { RemoteSource } from '../source.js';
import { RemoteDescriptionError } from './errors.js';

/** Throws the errors of reading an FMU, `RemoteUnreachableError`, {@link RemoteDescriptionError}. */
export async function describeRemote(source: RemoteSource): Promise<FmuModel> {
  if ('file' in source) return (await readFmuModel(source.file)).model;
  throw new RemoteDescriptionError(`what ${source.uri} says of itself cannot be read over the wire yet`, {
    details: { uri: source.uri },
    remedy: 'name a copy of the FMU by ?file=',
  });
}
