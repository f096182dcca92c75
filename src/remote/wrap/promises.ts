/**
 * What a wrapped FMU promises of itself: of what the FMU behind it can do, that which goes over the wire.
 *
 * Derivatives, intermediate updates and interpolation do not; nor does `canBeInstantiatedOnlyOncePerProcess`, since each
 * instance has a process of its own, wherever it is.
 */
import type { Fmi3CoSimulation, ModelDescription } from '../../fmi/index.js';

export interface Promises {
  /** A server has to run elsewhere. */
  readonly needsExecutionTool: boolean;
  /** Those who serve the FMU save and restore states, if it does. */
  readonly states: boolean;
}

type Attributes = Readonly<Record<string, string>>;
type CoSimulation2 = NonNullable<ModelDescription['coSimulation']>;

/** Attributes of `<CoSimulation>` that hold for both; those of states where {@link Promises.states}. */
const KEPT = {
  2: ['modelIdentifier', 'canHandleVariableCommunicationStepSize'] satisfies (keyof CoSimulation2)[],
  3: [
    'modelIdentifier',
    'canHandleVariableCommunicationStepSize',
    'fixedInternalStepSize',
    'mightReturnEarlyFromDoStep',
    'hasEventMode',
  ] satisfies (keyof Fmi3CoSimulation)[],
} as const;
const STATES = {
  2: ['canGetAndSetFMUstate', 'canSerializeFMUstate'] satisfies (keyof CoSimulation2)[],
  3: ['canGetAndSetFMUState', 'canSerializeFMUState'] satisfies (keyof Fmi3CoSimulation)[],
} as const;

/** The attributes of `<CoSimulation>`, made from those of the FMU behind. */
export function promised(fmi: 2 | 3, theirs: Attributes, { needsExecutionTool, states }: Promises): Attributes {
  const names: readonly string[] = [...KEPT[fmi], ...(states ? STATES[fmi] : [])];
  const kept = Object.fromEntries(
    names.flatMap((name) => (theirs[name] === undefined ? [] : [[name, theirs[name]] as const])),
  );
  return {
    ...kept,
    ...(needsExecutionTool ? { needsExecutionTool: 'true' } : {}),
    // It takes its memory by itself.
    ...(fmi === 2 ? { canNotUseMemoryManagementFunctions: 'true' } : {}),
  };
}
