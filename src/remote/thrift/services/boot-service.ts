/** `BootService` of proxyfmu: it is sent an FMU, starts a process for one instance of it, and answers the port of that. */
import { ThriftService } from '../service.js';

export const BOOT_SERVICE_SHAPE = {
  structs: {},
  methods: {
    loadFromBinaryData: {
      args: { fmuName: '1: string', instanceName: '2: string', data: '3: binary' },
      returns: 'i32',
    },
    tb_authenticate: { args: { token: '1: string' }, returns: 'bool' },
    /** -1: an FMU of this SHA-256 is not here; it has to be sent. */
    tb_load_known: {
      args: { fmuName: '1: string', instanceName: '2: string', sha256: '3: string' },
      returns: 'i32',
    },
  },
} as const;

export const BOOT_SERVICE: ThriftService<typeof BOOT_SERVICE_SHAPE> = new ThriftService(
  'BootService',
  BOOT_SERVICE_SHAPE,
);
