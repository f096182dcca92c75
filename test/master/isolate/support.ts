/** Systems whose components run in processes of their own. */
import type { Simulation } from '#tb/master/index.js';
import { matchPorts, portName, type System } from '#tb/system/index.js';
import { childrenOf } from '../../support/processes.js';
import { step, value } from '../support.js';

/** Processes of isolated components that this process started. */
export function processes(pid: number = process.pid): number[] {
  return childrenOf(pid, 'twinbridge-isolate');
}

/** The system with components isolated: all, or those of these names. */
export function isolated(system: System, ...names: readonly string[]): System {
  const isMeant = (name: string) => names.length === 0 || names.includes(name);
  return {
    ...system,
    components: system.components.map((component) => ({ ...component, isolate: isMeant(component.name) })),
  };
}

/** All values, scalar by scalar, at the present communication point and after each of `count` steps. */
export function everything(simulation: Simulation, count: number): unknown[][] {
  const { system } = simulation;
  const names = matchPorts(system, '*').flatMap((port) =>
    simulation.scalars(port).map((scalar) => portName(system, scalar)),
  );
  const row = () => [simulation.time, ...names.map((name) => [name, value(simulation, name)])];
  const rows = [row()];
  for (let k = 0; k < count; k++) {
    step(simulation);
    rows.push(row());
  }
  return rows;
}
