/**
 * `resources/bridge.json`: the configuration inside an FMU. Apart from `config.ts`, since the backend needs nothing of
 * YAML and its schema, and starts the sooner for it.
 */
import { InvalidInputError } from '../support/errors.js';
import type { BridgeConfig } from './config.js';

/** Reads the `bridge.json` of an FMU: the output of {@link bridgeJson}, which needs no second check. */
export function parseBridgeJson(text: string, file: string): BridgeConfig {
  try {
    const { format, config } = JSON.parse(text) as { format: number; config: BridgeConfig };
    if (format === BRIDGE_JSON_FORMAT) return config;
  } catch (cause) {
    throw new InvalidInputError(`${file} is damaged`, { cause, location: { file }, remedy: 'build the FMU again' });
  }
  throw new InvalidInputError(`${file} is of another version of twinbridge`, {
    location: { file },
    remedy: "build the FMU again with 'twinbridge build'",
  });
}

/** Changes with the shape of a configuration: FMUs of several builds may share one backend. */
const BRIDGE_JSON_FORMAT = 2;

export function bridgeJson(config: BridgeConfig): string {
  return `${JSON.stringify({ format: BRIDGE_JSON_FORMAT, config }, null, 1)}\n`;
}
