/**
 * Thrift, as far as remote FMUs need it: TBinaryProtocol (strict) over TFramedTransport, TJSONProtocol, and the services of
 * proxyfmu and FMU-proxy. The codec knows nothing of sockets.
 */
export { binaryProtocol } from './binary.js';
export { type CallOptions, ThriftClient, type ThriftClientOptions } from './client.js';
export { type Dispatched, type DispatchOptions, dispatch } from './dispatch.js';
export * from './errors.js';
export { DEFAULT_FRAME_BYTES, FrameReader, frameHead } from './frames.js';
export { jsonProtocol } from './json.js';
export { addressOf, CannotListenError, hostOf, listenAt, portOf } from './listening.js';
export { encodeAnswer, encodeCall, encodeFailure, IncomingAnswer } from './message.js';
export { type MessageHead, MessageKind, type Protocol, type ProtocolReader, type ProtocolWriter } from './protocol.js';
export {
  type Connection,
  type ServerEvent,
  ThriftServer,
  type ThriftServerOptions,
} from './server.js';
export { type Answer, type Method, ThriftService } from './service.js';
export { BOOT_SERVICE, type BOOT_SERVICE_SHAPE } from './services/boot-service.js';
export { FMU_PROXY, type FMU_PROXY_SHAPE } from './services/fmu-proxy.js';
export { FMU_SERVICE, type FMU_SERVICE_SHAPE, ThriftStatus } from './services/fmu-service.js';
export type { ArgsOf, HandlersOf, MethodOf, MethodShape, ResultOf, ServiceShape, StructOf, ValueOf } from './shape.js';
