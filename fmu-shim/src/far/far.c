/* What all FMUs elsewhere share, whatever carries their calls. */
#include "far_internal.h"

#include "../platform/platform.h"

tb_library *tb_far_library(tb_far *far, const tb_carrier *carrier, int fmi, const char *identifier, int64_t start_ns,
                           int64_t step_ns) {
  tb_library *library = calloc(1, sizeof *library);
  if (library == NULL) return NULL;
  library->fmi = (tb_fmi)fmi;
  library->adapter = &tb_far_adapter;
  library->far = far;
  snprintf(library->identifier, sizeof library->identifier, "%s", identifier);
  far->carrier = carrier;
  far->library = library;
  far->start_ns = start_ns;
  far->step_ns = step_ns;
  far->ending = (tb_ending){.code = -1, .function = "", .output = "", .reason = ""};
  return library;
}

void tb_far_destroy(tb_far *far) {
  tb_packer_destroy(&far->request);
  tb_ahead_destroy(far);
}

int tb_far_load(tb_library *library, const char *path, const char *identifier, char *error, uint32_t error_size) {
  tb_far *far = library->far;
  tb_pack_command(&far->request, TB_DO_LOAD, (uint32_t)library->fmi, 0, 0);
  tb_pack_text(&far->request, path);
  tb_pack_text(&far->request, identifier);
  int status = tb_far_send(far, far->start_ns);
  if (status == 0) status = tb_far_await(far);
  bool warned;
  if (status == 0) status = tb_far_results(far, 1, &warned);
  if (status >= TB_CRASHED) return status;
  if (status != 0) {
    const char *why = tb_unpack_text(&far->answer);
    if (far->answer.failed) return tb_far_garbled(far);
    snprintf(error, error_size, "%s", why == NULL ? "" : why);
    return status;
  }
  const uint64_t getters = tb_unpack_u64(&far->answer), setters = tb_unpack_u64(&far->answer);
  if (far->answer.failed) return tb_far_garbled(far);
  tb_far_set_accessors(library, (uint32_t)getters, (uint32_t)setters);
  return 0;
}

const tb_ending *tb_library_ending(tb_library *library) { return &library->far->ending; }
int64_t tb_library_process(const tb_library *library) { return library->far->carrier->process(library->far); }

void tb_far_detach(tb_far *far) { far->host = NULL; }

void tb_far_end(tb_far *far) {
  /* What has an instance that was not freed, after a fatal error, is not to be called any more. */
  far->carrier->end(far, !far->created && !far->steps);
}

/* -- Requests and answers -------------------------------------------------------------------------------------------------- */

int tb_far_send(tb_far *far, int64_t limit_ns) {
  far->kept = 0;
  const size_t size = far->request.size;
  const bool whole = !far->request.failed;
  far->request.size = 0;
  far->request.failed = false;
  if (far->ending.status != 0) return far->ending.status;
  far->began_ns = tb_monotonic_ns();
  far->due_ns = limit_ns > 0 ? far->began_ns + limit_ns : INT64_MAX;
  return whole ? far->carrier->send(far, far->request.bytes, size) : tb_far_garbled(far);
}

int tb_far_await(tb_far *far) { return far->ending.status != 0 ? far->ending.status : far->carrier->receive(far); }
int tb_far_garbled(tb_far *far) { return far->carrier->give_up(far); }
