/** Where the FMU of a component is, by what stands for it in a file. */
import {
  isRemoteScheme,
  localFileOf,
  type RemoteSource,
  resolveRemoteSource,
  type SourceFault,
  schemeOf,
} from '../../remote/index.js';

/** As in `Component`. */
export interface FmuPlace {
  /** Path of the archive on this machine; of a remote FMU that is not here its URI. */
  readonly fmu: string;
  readonly remote?: RemoteSource;
}

/** That of a remote FMU, with paths relative to `folder`; undefined: the scheme of the text, if it has one, is of no such. */
export function remotePlace(text: string, folder: string): FmuPlace | SourceFault | undefined {
  if (!isRemoteScheme(schemeOf(text))) return undefined;
  const remote = resolveRemoteSource(text, folder);
  return 'fault' in remote ? remote : placeOf(remote);
}

export function placeOf(remote: RemoteSource): FmuPlace {
  return { fmu: localFileOf(remote) ?? remote.uri, remote };
}

/** What runs where it ran, with its archive moved. */
export function withArchiveAt({ remote }: Pick<FmuPlace, 'remote'>, path: string): FmuPlace {
  return { fmu: path, ...(remote !== undefined && 'file' in remote ? { remote: { ...remote, file: path } } : {}) };
}
