/** A first `bridge.yaml` from recorded messages. */
export { formatBridgeYaml } from './format-yaml.js';
export { type InferOptions, type InferredBridge, inferBridge } from './infer.js';
export { readJsonLinesSamples, readJsonSample, type Sample, SampleError, type SampleField } from './sample.js';
