// The first lines of the bundled backend, in a language that old versions of Node.js know: the answer to the shim's first
// request is then why there is no other (fmu-shim/src/bridge/backend.c).
if (Number.parseInt(process.versions.node, 10) < 20) {
  const why = Buffer.from(
    'Node.js ' +
      process.version +
      ' (' +
      process.execPath +
      ') is too old: the bridge needs 20 or newer; install it, or set TWINBRIDGE_NODE to its program',
  );
  const head = Buffer.alloc(12);
  head.writeUInt32LE(why.length, 0);
  head.writeUInt32LE(20, 4); // FAILED
  head.writeUInt32LE(1, 8); // the first instance
  const where = process.argv[3] || '2';
  const stream = /^[0-9]+$/.test(where) ? Number(where) : require('node:fs').openSync(where, 'r+');
  require('node:fs').writeSync(stream, Buffer.concat([head, why]));
  process.exit(1);
}
