/** A bridge FMU for a measurement: built from its configuration, unpacked, and what the importer has to know of it. */
import { join } from 'node:path';
import { buildBridgeFmu, parseBridgeConfig } from '../../dist/bridge/index.js';
import { libraryPath, openFmu } from '../../dist/fmi/index.js';

/** `config` as in a bridge.yaml. `folder` is for the archive; call `close` at the end. */
export async function bridgeFmu(folder, config) {
  const file = join(folder, `${config.name}.fmu`);
  const complete = { twinbridge: 'bridge', diagnostics: true, ...config };
  await buildBridgeFmu(parseBridgeConfig(JSON.stringify(complete), `${config.name}.yaml`), file, { platforms: 'host' });
  const fmu = await openFmu(file);
  const reference = (name) => {
    const variable = fmu.description.variables.find((candidate) => candidate.name === name);
    if (variable === undefined) throw new Error(`${file} has no variable '${name}'`);
    return variable.valueReference;
  };
  const range = (signals, type) => {
    const names = Object.keys(signals ?? {}).filter((name) => (signals[name].type ?? signals[name]) === type);
    const references = names.map(reference);
    const [first = 0] = references;
    if (references.some((each, i) => each !== first + i)) throw new Error(`${type} signals are not next to each other`);
    return references.length === 0 ? '' : `${first}-${first + references.length - 1}`;
  };
  return {
    /** Options of the importer. */
    options: {
      library: libraryPath(fmu),
      resources: `file://${join(fmu.directory, 'resources')}`,
      guid: fmu.description.guid,
      diagnostics: reference('data_age'),
      reals: range(config.outputs, 'Real'),
      integers: range(config.outputs, 'Integer'),
      inputs: range(config.inputs, 'Real'),
    },
    reference,
    close: () => fmu.close(),
  };
}
