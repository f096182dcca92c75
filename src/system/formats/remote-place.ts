/** Where the FMU of a component is, by what stands for it in a file. */
import {
  localFileOf,
  locateFile,
  type RemoteSource,
  resolveRemoteSource,
  type SourceFault,
} from '../../remote/index.js';

/** As in `Component`. */
export interface FmuPlace {
  /** Path of the archive on this machine; of a remote FMU that is not here its URI. */
  readonly fmu: string;
  readonly remote?: RemoteSource;
}

/** That of a remote FMU, whose scheme is one of them. Paths are relative to `folder`. */
export function remotePlace(text: string, folder: string): FmuPlace | SourceFault {
  const remote = resolveRemoteSource(text, folder);
  return 'fault' in remote ? remote : placeOf(remote);
}

export function placeOf(remote: RemoteSource): FmuPlace {
  return { fmu: localFileOf(remote) ?? remote.uri, remote };
}

/** That of a file: URI. */
export function filePlace(text: string, folder: string): FmuPlace | SourceFault {
  const located = locateFile(text.trim(), folder);
  return 'fault' in located ? located : { fmu: located.path };
}
