/** The rules of a container, held against its FMUs; then the automatic ones, which need their ports. */
import type { FmuModel, FmuTerminal } from '../../../fmi/index.js';
import type { Problem, SourceLocation } from '../../../support/errors.js';
import { didYouMean } from '../../../support/nearest.js';
import type { ContainerDescription, ContainerPort, ContainerStart } from './description.js';
import {
  type Member,
  type MemberVariable,
  memberOfContainer,
  memberOfFmu,
  type Place,
  type WiredContainer,
} from './members.js';
import { deduceStep, isMultiple, type SteppedMember, steppedMember } from './step-size.js';
import { matchTerminals } from './terminals.js';

/** What was read of an FMU; no model: it is unreadable, and that is reported elsewhere. */
export interface ReadFmu {
  readonly model?: FmuModel;
  readonly terminals: readonly FmuTerminal[];
}

/** `fmus`: by file. What is wrong or odd is added to the two lists. */
export function wireContainer(
  description: ContainerDescription,
  fmus: ReadonlyMap<string, ReadFmu>,
  problems: Problem[],
  warnings: Problem[],
): WiredContainer {
  const members = [
    ...description.containers.map((nested) => memberOfContainer(wireContainer(nested, fmus, problems, warnings))),
    ...description.fmus.map((fmu) => memberOfFmu(fmu, fmus.get(fmu.file)?.model, fmus.get(fmu.file)?.terminals ?? [])),
  ];
  return new Wiring(description, members, problems, warnings).wire();
}

const SOURCES: readonly string[] = ['output', 'local', 'calculatedParameter'];
const TARGETS: readonly string[] = ['input', 'parameter'];

class Wiring {
  readonly #description: ContainerDescription;
  readonly #members: readonly Member[];
  readonly #problems: Problem[];
  readonly #warnings: Problem[];
  readonly #links: { from: Place; to: Place; location: SourceLocation }[] = [];
  /** Keys of ports that are fed, and by what; whole arrays and elements apart. */
  readonly #fedBy = new Map<string, string>();
  readonly #linked = new Set<string>();
  readonly #dropped = new Set<string>();
  /** By the name outside. */
  readonly #inputs = new Map<string, Place[]>();
  /** By the port inside. */
  readonly #outputs = new Map<string, { name: string; source: Place }>();
  readonly #names = new Set<string>();

  constructor(description: ContainerDescription, members: readonly Member[], problems: Problem[], warnings: Problem[]) {
    this.#description = description;
    this.#members = members;
    this.#problems = problems;
    this.#warnings = warnings;
  }

  wire(): WiredContainer {
    const { links, inputs, outputs, drops, starts } = this.#description;
    for (const { exposed, target } of inputs) this.#exposeInput(exposed, target);
    for (const { exposed, source } of outputs) this.#exposeOutput(exposed, source);
    for (const { from, to } of links) this.#link(from, to);
    for (const port of drops) this.#drop(port);
    const found = starts.flatMap((start: ContainerStart) => {
      const target = this.#find(start.target);
      return target === undefined ? [] : [{ target, start }];
    });
    this.#linkAlike();
    this.#exposeRest();
    this.#checkUnconnected();
    return {
      description: this.#description,
      members: this.#members,
      links: this.#links,
      inputs: [...this.#inputs].map(([name, targets]) => ({ name, targets })),
      outputs: [...this.#outputs.values()],
      starts: found,
      step: this.#step(),
    };
  }

  // -- Ports ----------------------------------------------------------------------------------------------------------

  #variableAt({ member, variable }: Place): MemberVariable {
    return this.#members[member]!.variables[variable]!;
  }

  #nameOf(place: Place): string {
    const suffix = place.element === undefined ? '' : `[${place.element}]`;
    return `${this.#members[place.member]!.name}.${this.#variableAt(place).name}${suffix}`;
  }

  /** Undefined, and reported, if there is no such port. */
  #find({ owner, port, location }: ContainerPort): Place | undefined {
    const member = this.#memberOf(owner);
    if (member === undefined) return undefined;
    const variable = this.#members[member]!.variables.findIndex(({ name }) => name === port);
    if (variable >= 0) return { member, variable };
    this.#reportUnknown(member, port, location);
    return undefined;
  }

  /** Undefined if it cannot be read. */
  #memberOf(owner: string): number | undefined {
    const member = this.#members.findIndex(({ name }) => name === owner);
    const content = this.#members[member]?.content;
    return content === undefined || (content.kind === 'fmu' && content.model === undefined) ? undefined : member;
  }

  #reportUnknown(member: number, port: string, location: SourceLocation): void {
    const { name, variables, terminals } = this.#members[member]!;
    const known = [...variables, ...terminals].map((one) => one.name);
    const remedy = port.startsWith('container.') ? 'ports that fmucontainer adds are not offered' : undefined;
    this.#report(location, `'${name}' has no variable '${port}'${didYouMean(port, known)}`, remedy);
  }

  /**
   * What a link may name: a variable, or the scalars `a[1]`, `a[2]` … of an FMU of FMI 2.0 that together are an array,
   * in the order of its elements.
   */
  #findArray(port: ContainerPort): readonly Place[] | undefined {
    const member = this.#memberOf(port.owner);
    if (member === undefined) return undefined;
    const { variables, content } = this.#members[member]!;
    if (content.kind === 'fmu' && content.model!.fmi !== '3.0' && variables.every(({ name }) => name !== port.port)) {
      const box = boxOf(variables, port.port);
      if (box !== undefined) return box.map((variable) => ({ member, variable }));
    }
    const place = this.#find(port);
    return place === undefined ? undefined : [place];
  }

  // -- Rules of the file ----------------------------------------------------------------------------------------------

  #exposeInput(exposed: string, port: ContainerPort): void {
    const target = this.#find(port);
    if (target === undefined) return;
    const variable = this.#variableAt(target);
    if (!TARGETS.includes(variable.causality)) {
      this.#report(
        port.location,
        `an INPUT feeds inputs and parameters, '${this.#nameOf(target)}' is ${describe(variable)}`,
      );
      return;
    }
    const others = this.#inputs.get(exposed);
    if (others !== undefined) {
      const first = this.#variableAt(others[0]!);
      const isAlike =
        first.containerType === variable.containerType &&
        first.size === variable.size &&
        first.causality === variable.causality;
      if (!isAlike) {
        const names = `'${this.#nameOf(others[0]!)}' and '${this.#nameOf(target)}'`;
        this.#report(port.location, `input '${exposed}' feeds ${names}, which differ in type, size or causality`);
        return;
      }
    }
    if (!this.#feed(target, `input '${exposed}'`, port.location)) return;
    this.#inputs.set(exposed, [...(others ?? []), target]);
    this.#names.add(exposed);
  }

  #exposeOutput(exposed: string, port: ContainerPort): void {
    const source = this.#find(port);
    if (source === undefined) return;
    const variable = this.#variableAt(source);
    if (variable.causality !== 'output' && variable.causality !== 'local') {
      this.#report(
        port.location,
        `an OUTPUT shows outputs and local variables, '${this.#nameOf(source)}' is ${describe(variable)}`,
      );
      return;
    }
    const key = keyOf(source);
    if ([...this.#outputs].some(([other, { name }]) => name === exposed && other !== key)) {
      this.#report(port.location, `two outputs are named '${exposed}'`);
      return;
    }
    const earlier = this.#outputs.get(key);
    if (earlier !== undefined && earlier.name !== exposed) {
      this.#warn(
        port.location,
        `'${this.#nameOf(source)}' has one name outside: '${exposed}', no longer '${earlier.name}'`,
      );
      this.#names.delete(earlier.name);
    }
    this.#outputs.set(key, { name: exposed, source });
    this.#names.add(exposed);
  }

  #link(from: ContainerPort, to: ContainerPort): void {
    const terminals = [this.#terminal(from), this.#terminal(to)] as const;
    if (terminals[0] !== undefined && terminals[1] !== undefined) {
      const matched = matchTerminals(terminals[0], terminals[1]);
      if ('fault' in matched) {
        this.#report(
          to.location,
          `'${from.owner}.${from.port}' does not fit '${to.owner}.${to.port}': ${matched.fault}`,
        );
        return;
      }
      for (const [one, other] of matched.pairs) {
        this.#linkPorts({ ...from, port: one }, { ...to, port: other });
      }
      return;
    }
    this.#linkPorts(from, to);
  }

  #terminal({ owner, port }: ContainerPort): FmuTerminal | undefined {
    const member = this.#memberOf(owner);
    if (member === undefined) return undefined;
    return this.#members[member]!.terminals.find(({ name }) => name === port);
  }

  #linkPorts(from: ContainerPort, to: ContainerPort): void {
    const [one, other] = [this.#findArray(from), this.#findArray(to)];
    if (one === undefined || other === undefined) return;
    const isSource = ([place]: readonly Place[]) => SOURCES.includes(this.#variableAt(place!).causality);
    // Written backwards, it is turned round.
    const isReversed = !isSource(one) && isSource(other);
    const [sources, targets] = isReversed ? [other, one] : [one, other];
    const names = `'${from.owner}.${from.port}' to '${to.owner}.${to.port}'`;
    if (!isSource(sources) || !TARGETS.includes(this.#variableAt(targets[0]!).causality)) {
      this.#report(to.location, `a link leads from an output to an input, not from ${names}`);
      return;
    }
    const [sourceSize, targetSize] = [this.#sizeOf(sources), this.#sizeOf(targets)];
    if (sourceSize !== targetSize) {
      this.#report(to.location, `sizes do not match: ${names}, ${sourceSize} elements to ${targetSize}`);
      return;
    }
    const isWhole = sources.length === 1 && targets.length === 1;
    for (let index = 0; index < (isWhole ? 1 : sourceSize); index++) {
      const at = (places: readonly Place[]): Place =>
        places.length > 1 ? places[index]! : isWhole ? places[0]! : { ...places[0]!, element: index };
      const [source, target] = [at(sources), at(targets)];
      if (this.#feed(target, `'${this.#nameOf(source)}'`, to.location)) this.#connect(source, target, to.location);
    }
  }

  #sizeOf(places: readonly Place[]): number {
    return places.length > 1 ? places.length : this.#variableAt(places[0]!).size;
  }

  #drop(port: ContainerPort): void {
    const place = this.#find(port);
    if (place === undefined) return;
    const variable = this.#variableAt(place);
    if (variable.causality === 'output') this.#dropped.add(keyOf(place));
    else this.#report(port.location, `only outputs are dropped, '${this.#nameOf(place)}' is ${describe(variable)}`);
  }

  #feed(target: Place, by: string, location: SourceLocation): boolean {
    const key = keyOf(target);
    const earlier = this.#fedBy.get(key);
    if (earlier !== undefined) {
      this.#report(location, `'${this.#nameOf(target)}' is fed twice: by ${earlier} and by ${by}`);
      return false;
    }
    this.#fedBy.set(key, by);
    return true;
  }

  #connect(from: Place, to: Place, location: SourceLocation): void {
    this.#links.push({ from, to, location });
    this.#linked.add(keyOf(whole(from)));
    // Of an array that is fed by elements something is fed.
    this.#fedBy.set(keyOf(whole(to)), this.#fedBy.get(keyOf(to)) ?? `'${this.#nameOf(from)}'`);
  }

  // -- Automatic rules ------------------------------------------------------------------------------------------------

  #places(...causalities: readonly string[]): Place[] {
    return this.#members.flatMap(({ variables }, member) =>
      variables.flatMap((one, variable) => (causalities.includes(one.causality) ? [{ member, variable }] : [])),
    );
  }

  /** Outputs to inputs of the same name and type that nothing feeds. */
  #linkAlike(): void {
    if (!this.#description.settings.autoLink) return;
    const isShared = ({ member }: Place) => !this.#members[member]!.isInstance;
    const inputs = this.#places('input').filter(isShared);
    for (const from of this.#places('output').filter(isShared)) {
      const { name, containerType, size } = this.#variableAt(from);
      for (const to of inputs) {
        const target = this.#variableAt(to);
        const isAlike = target.name === name && target.containerType === containerType && target.size === size;
        if (!isAlike || this.#fedBy.has(keyOf(to))) continue;
        this.#fedBy.set(keyOf(to), `'${this.#nameOf(from)}'`);
        this.#connect(from, to, this.#description.location);
      }
    }
  }

  #exposeRest(): void {
    const { autoOutput, autoInput, autoParameter, autoLocal } = this.#description.settings;
    for (const source of autoOutput ? this.#places('output') : []) {
      const key = keyOf(source);
      if (this.#linked.has(key) || this.#dropped.has(key) || this.#outputs.has(key)) continue;
      this.#outputs.set(key, { name: this.#freeName(source), source });
    }
    for (const source of autoLocal ? this.#places('local') : []) {
      const key = keyOf(source);
      if (!this.#outputs.has(key)) this.#outputs.set(key, { name: this.#longName(source), source });
    }
    for (const target of this.#places('input', 'parameter')) {
      const isInput = this.#variableAt(target).causality === 'input';
      if (this.#fedBy.has(keyOf(target)) || !(isInput ? autoInput : autoParameter)) continue;
      const name = isInput ? this.#freeName(target) : this.#longName(target);
      this.#fedBy.set(keyOf(target), `input '${name}'`);
      this.#inputs.set(name, [target]);
    }
  }

  /** The port's own name, unless another has it already. */
  #freeName(place: Place): string {
    const { name } = this.#variableAt(place);
    const free = this.#names.has(name) ? this.#longName(place) : name;
    this.#names.add(free);
    return free;
  }

  #longName(place: Place): string {
    return `${this.#members[place.member]!.id}.${this.#variableAt(place).name}`;
  }

  #checkUnconnected(): void {
    const { location } = this.#description;
    for (const place of this.#places('input')) {
      if (this.#fedBy.has(keyOf(place))) continue;
      this.#warn(location, `input '${this.#nameOf(place)}' is fed by nothing, and not seen from outside`);
    }
    for (const place of this.#places('output')) {
      const key = keyOf(place);
      if (this.#linked.has(key) || this.#outputs.has(key) || this.#dropped.has(key)) continue;
      this.#warn(location, `output '${this.#nameOf(place)}' leads nowhere (DROP says that it may)`);
    }
  }

  // -- Step size ------------------------------------------------------------------------------------------------------

  #step(): number {
    const { step, location, name } = this.#description;
    const members = this.#members.flatMap(({ name, content }): SteppedMember[] => {
      if (content.kind === 'container') return [{ name, step: content.container.step, variableStepSize: true }];
      return content.model === undefined ? [] : [steppedMember(name, content.model)];
    });
    if (step === undefined) {
      const deduced = deduceStep(members);
      if ('fault' in deduced) {
        this.#report(location, deduced.fault, "name a step size: 'step_size' in JSON, or --step");
        return 0.1;
      }
      if (deduced.isGuess) this.#warn(location, `no FMU of '${name}' says a step size: it is ${deduced.step} s`);
      return deduced.step;
    }
    const { value } = step;
    if (!(value > 0 && Number.isFinite(value))) return value;
    for (const member of members) {
      if (member.variableStepSize || member.step === undefined || !(member.step > 0)) continue;
      if (isMultiple(value, member.step)) continue;
      this.#warn(
        step.location,
        `the step size ${value} s is no multiple of that of '${member.name}', ${member.step} s`,
      );
    }
    return value;
  }

  #report(location: SourceLocation, message: string, remedy?: string): void {
    this.#problems.push({ message, location, ...(remedy === undefined ? {} : { remedy }) });
  }

  #warn(location: SourceLocation, message: string): void {
    this.#warnings.push({ message, location });
  }
}

function keyOf({ member, variable, element }: Place): string {
  return element === undefined ? `${member}:${variable}` : `${member}:${variable}:${element}`;
}

function whole({ member, variable }: Place): Place {
  return { member, variable };
}

function describe({ causality }: MemberVariable): string {
  return `${/^[aeiou]/.test(causality) ? 'an' : 'a'} ${causality}`;
}

/**
 * Indices of the scalars `name[i]` or `name[i,j]` that fill a box from 0 or from 1 in each dimension, row by row;
 * undefined if they do not.
 */
function boxOf(variables: readonly MemberVariable[], name: string): readonly number[] | undefined {
  const cells = variables.flatMap((variable, index) => {
    const [, written] = variable.name.startsWith(`${name}[`)
      ? (/^\[(\d+(?:, ?\d+)*)\]$/.exec(variable.name.slice(name.length)) ?? [])
      : [];
    return written === undefined ? [] : [{ index, at: written.split(',').map(Number) }];
  });
  const [first] = cells;
  if (first === undefined || cells.some(({ at }) => at.length !== first.at.length)) return undefined;
  const ranges = first.at.map((_, dimension) => {
    const values = cells.map(({ at }) => at[dimension]!);
    return { from: Math.min(...values), length: Math.max(...values) - Math.min(...values) + 1 };
  });
  if (ranges.some(({ from }) => from > 1)) return undefined;
  if (ranges.reduce((product, { length }) => product * length, 1) !== cells.length) return undefined;
  const offset = (at: readonly number[]) =>
    at.reduce((sum, value, dimension) => sum * ranges[dimension]!.length + value - ranges[dimension]!.from, 0);
  const box = cells.sort((a, b) => offset(a.at) - offset(b.at)).map(({ index }) => index);
  const types = new Set(box.map((index) => `${variables[index]!.containerType} ${variables[index]!.causality}`));
  return types.size === 1 ? box : undefined;
}
