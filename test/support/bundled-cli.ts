/** The command line is tested as it is installed: bundled, from what tsc has made. */
export default async function setup(): Promise<void> {
  const tool = new URL('../../tools/bundle-cli.mjs', import.meta.url).href;
  const { bundleCli } = (await import(tool)) as { bundleCli(): Promise<void> };
  await bundleCli();
}
