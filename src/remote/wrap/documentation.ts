/** The page that a wrapped FMU has in place of one of its own. */
import type { FmuModel, Heading } from '../../fmi/index.js';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function wrappedHtml(
  model: Pick<FmuModel, 'modelName'>,
  heading: Heading,
  uri: string,
  needsServer: boolean,
): string {
  const text = (plain: string) => plain.replace(/[&<>"]/g, (character) => ESCAPES[character]!);
  const where = needsServer
    ? `<p>It runs at <code>${text(uri)}</code>, where a server has to be. Another place for it:</p>
<ul>
<li>the environment variable <code>TWINBRIDGE_REMOTE</code>, <code>host:port</code> or <code>wanted=host:port,…</code>;</li>
<li><code>host</code> and <code>port</code> in <code>resources/target.txt</code>.</li>
</ul>
<p>A server that asks for a token gets it from <code>TWINBRIDGE_PROXY_TOKEN</code>.</p>`
    : '<p>It runs in a process of its own on the machine of the tool that loads this one, which starts and ends it.</p>';
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${text(model.modelName)}</title>
</head>
<body>
<h1>${text(model.modelName)}</h1>
<p>${text(heading.description ?? '')}</p>
<p>This FMU stands for another one.</p>
${where}
</body>
</html>
`;
}
