/**
 * Ends the process at once. `process.exit` first waits for all threads, so a thread that is stuck in an FMU would keep
 * the process alive; the system's own call does not wait.
 */
import { loadKoffi } from '../native/index.js';

export function exitNow(code: number): never {
  const koffi = loadKoffi();
  if (process.platform === 'win32') {
    const kernel = koffi.load('kernel32.dll');
    const current = kernel.func('GetCurrentProcess', 'void *', []) as () => bigint;
    const terminate = kernel.func('TerminateProcess', 'int', ['void *', 'uint32_t']);
    terminate(current(), code);
  } else {
    koffi.load(null).func('_exit', 'void', ['int'])(code);
  }
  throw new Error('the process goes on after its end');
}
