/**
 * What a system has beyond SSP, as the text of a system file: functions, how to step and to run, results.
 *
 * It is complete as such, but for start values and the connections that SSP has words for.
 */
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { type Component, type Connection, isFunctionPort, type System } from '../../system.js';
import { withArchiveAt } from '../remote-place.js';
import { systemYamlContent } from '../write-yaml.js';

/** undefined: SSP says it all. `file` is the archive: paths are relative to its folder; `fmus` are in it, by path. */
export function settingsOf(system: System, file: string, fmus: ReadonlyMap<string, string>): string | undefined {
  const { stop: _, ...endless } = system;
  const rest: System = {
    ...endless,
    components: system.components.map((component) => ({
      ...component,
      ...inArchive(component, dirname(resolve(file)), fmus.get(component.fmu)),
      start: [],
      every: 1,
    })),
    connections: system.connections.filter(isWithFunction),
    start: 0,
    threads: 1,
  };
  const content = systemYamlContent(rest, file);
  const isPlain = system.components.every(({ isolate, deadline }) => !isolate && deadline === undefined);
  const extra = [...content.keys()].filter((key) => !['twinbridge', 'components', 'step'].includes(key));
  if (isPlain && extra.length === 0 && system.stepping.kind === 'fixed') return undefined;
  return stringify(content, { collectionStyle: 'flow', lineWidth: 0, singleQuote: true }).trim();
}

/** As if the archive were the folder it is in. */
function inArchive(component: Component, folder: string, packed: string | undefined): Partial<Component> {
  return packed === undefined ? {} : withArchiveAt(component, join(folder, packed));
}

function isWithFunction({ from, to }: Connection): boolean {
  return isFunctionPort(from) || isFunctionPort(to);
}
