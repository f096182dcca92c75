/** What a remote FMU says of itself: by its archive on this machine, else over the wire. */
import { type FmuModel, RemoteUnreachableError, readFmuModel } from '../../fmi/index.js';
import type { RemoteSource } from '../source.js';
import { ThriftConnectionError } from '../thrift/index.js';
import { proxyToken, remedyFor } from './access.js';
import { type FmuProxyDescription, readFmuProxyDescription } from './fmu-proxy.js';

/** How long a server may take to answer a call, ms. */
const DEADLINE_MS = 30_000;

type OnFmuProxy = Extract<RemoteSource, { kind: 'fmu-proxy' }>;

/**
 * Throws the errors of reading an FMU, {@link RemoteUnreachableError}, those of `readFmuProxyDescription` and of
 * `describeAmqpFmu`.
 */
export async function describeRemote(source: RemoteSource): Promise<FmuModel> {
  if ('file' in source) return (await readFmuModel(source.file)).model;
  if (source.kind === 'fmu-proxy') return (await loadOnFmuProxy(source)).model;
  const { describeAmqpFmu } = await import('../broker/index.js');
  return describeAmqpFmu(source);
}

/** Has the server load the FMU, if it is not there. */
export async function loadOnFmuProxy(source: OnFmuProxy): Promise<FmuProxyDescription> {
  const { host, port, uri } = source;
  const token = proxyToken();
  try {
    return await readFmuProxyDescription(host, port, source, {
      deadlineMs: DEADLINE_MS,
      ...(token === undefined ? {} : { token }),
    });
  } catch (error) {
    if (!(error instanceof ThriftConnectionError)) throw error;
    const remedy = remedyFor(source);
    throw new RemoteUnreachableError(`cannot reach ${uri}: ${error.message}`, {
      cause: error,
      details: { uri },
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}
