/** `documentation/index.html` of a bridge FMU: what it does, its variables, what it needs where it runs. */
import type { Fmi3ModelDescription, Fmi3Variable, ModelDescription, ScalarVariable } from '../../fmi/index.js';
import type { BridgeConfig } from '../config.js';

type DescribedVariable = ScalarVariable | Fmi3Variable;

export function documentationHtml(
  config: BridgeConfig,
  { modelName, description, generationTool, ...described }: ModelDescription | Fmi3ModelDescription,
): string {
  const { sources, send, selection } = config;
  const isDiagnostic = (name: string) => (config.diagnostics as readonly string[]).includes(name);
  const sourceOf = new Map(config.outputs.map(({ name, source }) => [name, source]));
  const variables: readonly DescribedVariable[] = described.variables;
  const of = (test: (variable: DescribedVariable) => boolean) => variables.filter(test);
  const sections = [
    ...sources.map(({ name: source, exchange, key }, index) =>
      section(
        sources.length === 1 ? 'Outputs' : `Outputs from ${escapeHtml(source)}`,
        `carried in by messages of exchange <code>${escapeHtml(exchange)}</code>, binding key <code>${escapeHtml(key)}</code>`,
        of(({ causality, name }) => causality === 'output' && !isDiagnostic(name) && sourceOf.get(name) === index),
      ),
    ),
    section(
      'Inputs',
      `published to exchange <code>${escapeHtml(send.exchange)}</code> with routing key <code>${escapeHtml(send.key)}</code>`,
      of(({ causality }) => causality === 'input'),
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
<p>A message is a JSON object whose keys are the names of the variables below.
${sources.map((source) => `${sources.length === 1 ? '' : `In messages of ${escapeHtml(source.name)}, `}<code>${escapeHtml(source.time.key)}</code> holds its time (${escapeHtml(source.time.format)}); values count for ${source.maxageMs} ms.`).join('\n')}
A step outputs the newest values that are valid at its end (${selection.behaviour === 'complete' ? 'complete' : `RMQFMU ${selection.behaviour}`}). It waits at most ${selection.timeoutMs / 1000} s for
them and then ${selection.onTimeout === 'fail' ? 'is discarded' : 'keeps the outputs as they are'}.</p>
${sections.join('')}
<p>Made by ${escapeHtml(generationTool ?? '')}.</p>
</body>
</html>
`;
}

function section(title: string, what: string, variables: readonly DescribedVariable[]): string {
  if (variables.length === 0) return '';
  const rows = variables.map(({ name, valueReference, type, unit, start, variability, description }) => {
    const shown = start === undefined || start === '' ? '' : String(start);
    const cells = [name, String(valueReference), type, unit ?? '', shown, variability, description ?? ''];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const head = ['name', 'value reference', 'type', 'unit', 'start', 'variability', ''];
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
