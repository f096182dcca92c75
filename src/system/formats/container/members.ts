/** What a container is wired from: the FMUs and the nested containers in it, alike as far as their ports go. */
import { basename } from 'node:path';
import type { Dimension, Fmi3Causality, Fmi3Type, FmuModel, FmuTerminal } from '../../../fmi/index.js';
import type { SourceLocation } from '../../../support/errors.js';
import type { ContainedFmu, ContainerDescription, ContainerStart } from './description.js';

/** A container whose rules are applied, the automatic ones too. Members are named by their index. */
export interface WiredContainer {
  readonly description: ContainerDescription;
  /** In the order of execution. */
  readonly members: readonly Member[];
  readonly links: readonly {
    readonly from: Place;
    readonly to: Place;
    /** Of one that is automatic: the container's. */
    readonly location: SourceLocation;
  }[];
  /** Inputs and parameters that are seen from outside, by the name that they have there. */
  readonly inputs: readonly { readonly name: string; readonly targets: readonly Place[] }[];
  /** Outputs and local variables that are seen from outside. */
  readonly outputs: readonly { readonly name: string; readonly source: Place }[];
  readonly starts: readonly { readonly target: Place; readonly start: ContainerStart }[];
  /** s */
  readonly step: number;
}

export interface Member {
  /** As rules name it. */
  readonly name: string;
  /** What stands for it in names that are made: `<id>.<port>`. */
  readonly id: string;
  readonly variables: readonly MemberVariable[];
  readonly terminals: readonly FmuTerminal[];
  /** Not linked by name. */
  readonly isInstance: boolean;
  readonly content:
    | {
        readonly kind: 'fmu';
        readonly fmu: ContainedFmu /** Absent if it cannot be read. */;
        readonly model?: FmuModel;
      }
    /** Its variables are the container's inputs, then its outputs. */
    | { readonly kind: 'container'; readonly container: WiredContainer };
}

export interface MemberVariable {
  readonly name: string;
  readonly type: Fmi3Type;
  /** Ports of one name are linked if these are the same. */
  readonly containerType: string;
  readonly causality: Fmi3Causality;
  readonly size: number;
}

/** A variable of a member, or one of its elements, from 0. */
export interface Place {
  readonly member: number;
  readonly variable: number;
  readonly element?: number;
}

export function memberOfFmu(fmu: ContainedFmu, model: FmuModel | undefined, terminals: readonly FmuTerminal[]): Member {
  const { name, isInstance } = fmu;
  return {
    name,
    id: idOf(name),
    variables: model === undefined ? [] : variablesOf(model),
    terminals,
    isInstance,
    content: { kind: 'fmu', fmu, ...(model === undefined ? {} : { model }) },
  };
}

export function memberOfContainer(container: WiredContainer): Member {
  const { name } = container.description;
  const variableAt = ({ member, variable }: Place) => container.members[member]!.variables[variable]!;
  return {
    name,
    id: idOf(name),
    variables: [
      ...container.inputs.map(({ name, targets }) => ({ ...variableAt(targets[0]!), name })),
      ...container.outputs.map(({ name, source }) => ({ ...variableAt(source), name })),
    ],
    terminals: [],
    isInstance: false,
    content: { kind: 'container', container },
  };
}

/** Without folder and `.fmu`. */
export function stemOf(name: string): string {
  return basename(name.replaceAll('\\', '/')).replace(/\.fmu$/i, '');
}

function idOf(name: string): string {
  return stemOf(name).toLowerCase();
}

function variablesOf(model: FmuModel): MemberVariable[] {
  const structural = new Map(
    model.variables
      .filter(({ causality }) => causality === 'structuralParameter')
      .map(({ valueReference, start }) => [valueReference, Number(start?.[0] ?? 0)]),
  );
  const length = (size: Dimension) =>
    'start' in size ? Number(size.start) : (structural.get(size.valueReference) ?? 0);
  return model.variables.map(({ name, type, causality, dimensions }) => ({
    name,
    type,
    containerType: containerType(model, type),
    causality,
    size: dimensions.reduce((product, size) => product * length(size), 1),
  }));
}

/** A container tells the Boolean of FMI 3.0 from that of FMI 2.0, and has no enumerations. */
function containerType({ fmi }: FmuModel, type: Fmi3Type): string {
  if (type === 'Enumeration') return fmi === '3.0' ? 'Int64' : 'Int32';
  if (type === 'Boolean') return fmi === '3.0' ? 'Boolean1' : 'Boolean';
  return type;
}
