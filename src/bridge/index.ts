/** The data broker: its configuration, its messages, and the FMU made of them. */
export { type BuildOptions, type BuildReport, buildBridgeFmu } from './build/index.js';
export {
  type BridgeConfig,
  type BrokerConfig,
  parseBridgeConfig,
  type RingConfig,
  readBridgeConfig,
  type SelectionConfig,
  type SendConfig,
} from './config.js';
export { bridgeSchema } from './config-schema.js';
export type { PayloadKind, SourceConfig } from './config-sources.js';
export { DIAGNOSTICS, type DiagnosticName } from './diagnostics.js';
export {
  type CheckupPlan,
  type CheckupReport,
  type CheckupStep,
  checkBroker,
  type ExplainedSignal,
  type Explanation,
  formatAge,
  type PlainMessage,
  readTarget,
  type Target,
  type TargetOptions,
  tapMessages,
} from './doctor/index.js';
export {
  createExplainer,
  type Explain,
  explainMessage,
  type MessageReport,
  type SignalReport,
} from './explain.js';
export {
  formatBridgeYaml,
  type InferOptions,
  inferBridge,
  readJsonLinesSamples,
  readJsonSample,
  type Sample,
  SampleError,
  type SampleField,
} from './init/index.js';
export { type BridgeLayout, bridgeLayout, PARAMETERS } from './layout.js';
export type { MessageProperties } from './raw-payload.js';
export { COMPAT_LEVELS, type Compat, type Rmqfmu, readRmqfmu } from './rmqfmu/index.js';
export { SIGNAL_TYPES, type Signal, type SignalType, type SignalValue } from './signals.js';
