/* FMUs in processes of their own on this machine, loaded by the program twinbridge-isolate: see far/far.h. */
#ifndef TB_ISOLATE_H
#define TB_ISOLATE_H

#include "../far/far.h"

/*
 * As tb_library_load. `start_ns`: how long loading, instantiation, initialisation and their like may take each; `step_ns`:
 * any call between; 0: as long as they like. NULL: the process cannot be started (`error` begins with "cannot start"), or
 * the library cannot be loaded. If the process has ended meanwhile, there is a library, and tb_library_ending tells.
 */
TB_API tb_library *tb_library_isolate(const char *program, const char *path, int fmi, const char *identifier,
                                      int64_t start_ns, int64_t step_ns, char *error, uint32_t error_size);

#endif
