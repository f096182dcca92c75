/** `documentation/index.html` of a bridge FMU: what it does, its variables, what it needs where it runs. */
import type { Fmi3ModelDescription, Fmi3Variable, ModelDescription, ScalarVariable } from '../../fmi/index.js';
import type { BridgeConfig } from '../config.js';
import type { SourceConfig } from '../config-sources.js';
import { bridgeLayout } from '../layout.js';
import { formatPointer } from '../pointer.js';
import { pathOf, type Signal } from '../signals.js';

type DescribedVariable = ScalarVariable | Fmi3Variable;

export function documentationHtml(
  config: BridgeConfig,
  { modelName, description, generationTool, ...described }: ModelDescription | Fmi3ModelDescription,
): string {
  const { sources, send, selection } = config;
  const isDiagnostic = (name: string) => (config.diagnostics as readonly string[]).includes(name);
  const places = new Map([...placesOf(config.outputs), ...placesOf(config.inputs)]);
  const sourceOf = new Map(
    bridgeLayout(config).variables.flatMap(({ name, kind, source }) => (kind === 'output' ? [[name, source]] : [])),
  );
  const variables: readonly DescribedVariable[] = described.variables;
  const of = (test: (variable: DescribedVariable) => boolean) => variables.filter(test);
  const sections = [
    ...sources.map(({ name: source, exchange, key }, index) =>
      section(
        sources.length === 1 ? 'Outputs' : `Outputs from ${escapeHtml(source)}`,
        `carried in by messages of exchange <code>${escapeHtml(exchange)}</code>, binding key <code>${escapeHtml(key)}</code>`,
        of(({ causality, name }) => causality === 'output' && !isDiagnostic(name) && sourceOf.get(name) === index),
        places,
      ),
    ),
    section(
      'Inputs',
      `published to exchange <code>${escapeHtml(send.exchange)}</code> with routing key <code>${escapeHtml(send.key)}</code>`,
      of(({ causality }) => causality === 'input'),
      places,
    ),
    section(
      'Diagnostics',
      'outputs that tell how the bridge is doing',
      of(({ name }) => isDiagnostic(name)),
    ),
    section(
      'Clocks',
      'tick in Event Mode when data have arrived',
      of(({ type }) => type === 'Clock'),
    ),
    section(
      'Parameters',
      'set before initialization; tunable ones also later',
      of(({ causality }) => causality === 'parameter'),
    ),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(modelName)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.15em 1em 0.15em 0; border-bottom: 1px solid #ddd; vertical-align: top; }
</style>
</head>
<body>
<h1>${escapeHtml(modelName)}</h1>
<p>${escapeHtml(description ?? '')}</p>

<h2>What it needs</h2>
<p>Node.js 20 or newer: named by the environment variable <code>TWINBRIDGE_NODE</code>, or in this FMU
(<code>resources/runtime</code>), or as <code>node</code> on the path; and an AMQP 0-9-1 broker such as RabbitMQ
(<code>${escapeHtml(config.broker.host)}:${config.broker.port}</code> unless set otherwise).</p>

<h2>Credentials</h2>
<p>There are none in this file. The first of these that gives them counts:</p>
<ol>
<li>the parameters <code>config.username</code> and <code>config.password</code>;</li>
<li>the environment variable <code>AMQP_URL</code>: <code>amqp://user:password@host:5672/vhost</code>;</li>
<li>a secret file, readable for its owner only, with the lines <code>username=…</code> and <code>password=…</code> or
such a URL, named by the environment variable <code>TWINBRIDGE_SECRET_FILE</code>${
    config.broker.secretFile === undefined ? '' : ` or else <code>${escapeHtml(config.broker.secretFile)}</code>`
  };</li>
<li>on this machine only, <code>guest</code>.</li>
</ol>

<h2>Messages</h2>
<p>A message is a JSON object whose keys are the names of the variables below, or which has their values where the tables
say (JSON pointers).
${sources.map((source) => ofSource(source, sources.length > 1)).join('\n')}
A step outputs the newest values that are valid at its end (${selection.behaviour === 'complete' ? 'complete' : `RMQFMU ${selection.behaviour}`}). It waits at most ${selection.timeoutMs / 1000} s for
them and then ${selection.onTimeout === 'fail' ? 'is discarded' : 'keeps the outputs as they are'}.</p>
${sections.join('')}
<p>Made by ${escapeHtml(generationTool ?? '')}.</p>
</body>
</html>
`;
}

function ofSource({ name, payload, time, maxageMs }: SourceConfig, named: boolean): string {
  const lifetime = `values count for ${maxageMs} ms.`;
  if (payload === 'raw') return `A message of ${escapeHtml(name)} is a value as a whole; ${lifetime}`;
  const place = `<code>${escapeHtml(time.key)}</code> holds its time (${escapeHtml(time.format)}); ${lifetime}`;
  return named ? `In messages of ${escapeHtml(name)}, ${place}` : place;
}

/** Of variables whose values do not stand at the top of a message under their names, as they are. */
function placesOf(signals: readonly Signal[]): [string, string][] {
  return signals.flatMap((signal): [string, string][] => {
    const { name, path, size, scale, offset = 0 } = signal;
    const pointer = path === undefined && size === undefined ? '' : formatPointer(pathOf(signal));
    const scaled =
      scale === undefined ? '' : `× ${scale}${offset === 0 ? '' : ` ${offset < 0 ? '−' : '+'} ${Math.abs(offset)}`}`;
    const text = (at: string) => [at, scaled].filter((part) => part !== '').join(' ');
    const elements = Array.from({ length: size ?? 0 }, (_, k): [string, string] => [
      `${name}[${k}]`,
      text(`${pointer}/${k}`),
    ]);
    return [[name, text(pointer)], ...elements];
  });
}

function section(
  title: string,
  what: string,
  variables: readonly DescribedVariable[],
  places?: ReadonlyMap<string, string>,
): string {
  if (variables.length === 0) return '';
  const hasPlaces = variables.some(({ name }) => (places?.get(name) ?? '') !== '');
  const rows = variables.map(({ name, valueReference, type, unit, start, variability, description }) => {
    const shown = start === undefined || start === '' ? '' : String(start);
    const place = hasPlaces ? [places?.get(name) ?? ''] : [];
    const cells = [name, String(valueReference), type, unit ?? '', ...place, shown, variability, description ?? ''];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const inMessages = hasPlaces ? ['in messages'] : [];
  const head = ['name', 'value reference', 'type', 'unit', ...inMessages, 'start', 'variability', ''];
  return `
<h2>${title}</h2>
<p>${what}</p>
<table>
<tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
`;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character]!);
}
