/** `twinbridge cache`: the unpacked FMUs that are kept. */
import { Argument, type Command } from 'commander';
import { type CacheEntry, type CacheStatus, cacheStatus, clearCache } from '../fmi/index.js';
import { alignLeft } from './columns.js';

interface CacheFlags {
  readonly json?: true;
}

const EXAMPLES = `
FMUs are unpacked once and kept in the folder that TWINBRIDGE_CACHE names, or in $XDG_CACHE_HOME/twinbridge, or in
~/.cache/twinbridge. When all together are larger than TWINBRIDGE_CACHE_MAX megabytes (2048), those go that were
longest not used; FMUs that are running stay in any case.

Examples:
  where the FMUs are, how much room they take, when they were used
    $ twinbridge cache
  make room
    $ twinbridge cache clear

Exit codes: 0 shown, cleared; 3 TWINBRIDGE_CACHE_MAX is no number.`;

export function registerCache(program: Command): void {
  program
    .command('cache')
    .summary('show or clear the unpacked FMUs that are kept')
    .description('Shows or clears the unpacked FMUs that are kept from run to run.')
    .addArgument(new Argument('[action]', 'what to do').choices(['info', 'clear']).default('info'))
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES)
    .action((action: 'info' | 'clear', flags: CacheFlags) => (action === 'clear' ? clear(flags) : info(flags)));
}

function info({ json }: CacheFlags): void {
  const status = cacheStatus();
  process.stdout.write(json ? `${JSON.stringify(toJson(status))}\n` : formatStatus(status));
}

async function clear({ json }: CacheFlags): Promise<void> {
  const cleared = await clearCache();
  const { directory, entries } = cacheStatus();
  if (json) {
    process.stdout.write(`${JSON.stringify({ directory, removed: cleared, kept: entries.length })}\n`);
    return;
  }
  const inUse = entries.length === 0 ? '' : `; in use: ${count(entries.length)}`;
  process.stdout.write(`removed ${count(cleared.entries)}, ${size(cleared.bytes)}${inUse}\n`);
}

function toJson({ directory, temporary, limit, entries }: CacheStatus): object {
  return {
    directory,
    ...(temporary === undefined ? {} : { temporary }),
    limit,
    bytes: sum(entries),
    entries: entries.map(({ lastUse, ...entry }) => ({ ...entry, lastUse: new Date(lastUse).toISOString() })),
  };
}

function formatStatus({ directory, temporary, limit, entries }: CacheStatus): string {
  const lines = [
    `folder  ${directory}${temporary === undefined ? '' : ', for this process only'}`,
    ...(temporary === undefined ? [] : [`because ${temporary}`]),
    `size    ${size(sum(entries))} of ${size(limit)}, ${count(entries.length)}`,
  ];
  const header = ['FMU', 'FMI', 'size', 'last used', 'in use', 'from'];
  const rows = entries.map((entry) => [
    entry.model?.name ?? entry.content.slice(0, 12),
    entry.model?.fmi ?? '',
    size(entry.bytes),
    new Date(entry.lastUse).toISOString().replace(/\.\d+Z$/, 'Z'),
    entry.users === 0 ? '' : entry.users === 1 ? '1 process' : `${entry.users} processes`,
    entry.paths.join(', '),
  ]);
  return `${[...lines, ...(rows.length === 0 ? [] : ['', ...alignLeft([header, ...rows])])].join('\n')}\n`;
}

function sum(entries: readonly CacheEntry[]): number {
  return entries.reduce((total, { bytes }) => total + bytes, 0);
}

function count(fmus: number): string {
  return fmus === 1 ? '1 FMU' : `${fmus} FMUs`;
}

function size(bytes: number): string {
  const [unit, name] = bytes < 2 ** 20 ? [2 ** 10, 'kB'] : [2 ** 20, 'MB'];
  return `${(bytes / unit).toLocaleString('en', { maximumFractionDigits: 1 })} ${name}`;
}
