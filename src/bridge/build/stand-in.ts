/** What is in an FMU that stands in for an RMQFMU, besides what is in every bridge FMU. */
import { createHash } from 'node:crypto';
import type { ModelDescription, ScalarVariable } from '../../fmi/index.js';
import type { BridgeConfig } from '../config.js';

/**
 * `ours`, with what `theirs` says of its own variables and itself besides: order, units, limits, descriptions, the
 * default experiment. What breaks the standard in `theirs` is put right, for importers that look closely.
 */
export function likeTheirs(ours: ModelDescription, theirs: ModelDescription): ModelDescription {
  const named = new Map(ours.variables.map((variable) => [variable.name, variable]));
  const asked = theirs.variables.flatMap(({ name }) => named.get(name) ?? []);
  const others = new Map(theirs.variables.map((variable) => [variable.name, variable]));
  const rest = ours.variables.filter(({ name }) => !others.has(name));
  const variables = [...asked, ...rest].map((variable) => merged(variable, others.get(variable.name)));
  const outputs = variables.flatMap(({ causality }, index) =>
    causality === 'output' ? [{ index, dependencies: [] }] : [],
  );
  const { author, version, copyright, license, defaultExperiment } = theirs;
  const units = new Map([...ours.units, ...theirs.units].map((unit) => [unit.name, unit]));
  return {
    ...ours,
    ...(author === undefined ? {} : { author }),
    ...(version === undefined ? {} : { version }),
    ...(copyright === undefined ? {} : { copyright }),
    ...(license === undefined ? {} : { license }),
    ...(defaultExperiment === undefined ? {} : { defaultExperiment }),
    units: [...units.values()],
    variables,
    outputs,
    initialUnknowns: outputs,
  };
}

function merged(ours: ScalarVariable, theirs: ScalarVariable | undefined): ScalarVariable {
  if (theirs === undefined) return ours;
  const { description, unit, min, max, nominal } = theirs;
  const isReal = ours.type === 'Real';
  const isNumber = isReal || ours.type === 'Integer';
  return {
    ...ours,
    ...(description === undefined ? {} : { description }),
    ...(isReal && unit !== undefined ? { unit } : {}),
    ...(isNumber && min !== undefined ? { min } : {}),
    ...(isNumber && max !== undefined ? { max } : {}),
    ...(isReal && nominal !== undefined ? { nominal } : {}),
    // Some importers connect continuous outputs to continuous inputs only.
    ...(isReal && ours.causality === 'output' && theirs.variability === 'continuous'
      ? { variability: 'continuous' as const }
      : {}),
  };
}

/** The configuration, with what its description is known by when the FMU starts. */
export function belongingTo(config: BridgeConfig, description: Uint8Array): BridgeConfig {
  if (config.rmqfmu === undefined) return config;
  const descriptionHash = createHash('sha256').update(description).digest('hex');
  return { ...config, rmqfmu: { ...config.rmqfmu, descriptionHash } };
}
