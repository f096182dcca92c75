#ifndef TB_ISOLATE_INTERNAL_H
#define TB_ISOLATE_INTERNAL_H

#include "isolate.h"
#include "channel.h"
#include "wire.h"

typedef struct tb_output tb_output;

/* Values that were read after steps, and are expected to be read after further ones. */
typedef struct {
  uint32_t storage, n, n_values;
  size_t vrs; /* in tb_isolate.vrs */
  uint32_t idle; /* steps after which nobody asked for them */
  bool asked;
  bool here; /* came along with the last step: */
  int32_t status;
  tb_unpacker values;
} tb_window;

struct tb_isolate {
  tb_child child;
  tb_channel channel;
  tb_shared *shared;
  tb_handle shared_handle, child_wait_end, signal_end, wait_end;
  tb_output *output;
  tb_ending ending;
  char function[TB_DOING_BYTES]; /* the FMU's function that failed, or that was being called */

  tb_host_environment *host; /* of the instance */
  bool created;              /* there is an instance */
  bool running;              /* the initialisation is over: `step_ns` counts */
  int64_t start_ns, step_ns;

  tb_packer request;
  uint32_t kept;   /* commands in it that set values and have not been sent */
  tb_unpacker answer;
  int64_t began_ns, due_ns;

  /* A step that is under way; its result is here when it `has_ended`. */
  bool steps, has_ended;
  uint32_t sent_along; /* commands in front of it */
  int step_status;
  tb_step_answer step;

  tb_window *windows;
  uint32_t n_windows, windows_room, n_sent; /* windows that were asked for with the step */
  uint32_t next_window;
  uint32_t *vrs;
  size_t n_vrs, vrs_room;
};

/* process.c */

/* How long freeing the instance and unloading the library may take, before the process is ended. */
#define TB_FREE_NS INT64_C(5000000000)

/* Sends the request with `limit_ns` (0: none) for the answer; 0, TB_CRASHED or TB_LATE. */
int tb_isolate_send(tb_isolate *isolate, int64_t limit_ns);
/* Waits for the answer, to be unpacked from `answer`; hands over the log. 0, TB_CRASHED or TB_LATE. */
int tb_isolate_await(tb_isolate *isolate);
/* The answer is none: ends the process. */
int tb_isolate_garbled(tb_isolate *isolate);

/* output.c: what a child writes goes on to standard error, and the end of it is kept. */
tb_output *tb_output_start(const tb_child *child);
/* The child is gone: what it has written last, valid until `tb_output_stop`. */
void tb_output_tail(tb_output *output, const char **bytes, uint64_t *size);
void tb_output_stop(tb_output *output);

/* calls.c */
extern const tb_adapter tb_isolate_adapter;
void tb_isolate_set_accessors(tb_library *library, uint32_t getters, uint32_t setters);
/* Takes the results of `n` commands off the answer; 0 or the status of the one that failed. `warned`: one of them. */
int tb_isolate_results(tb_isolate *isolate, uint32_t n, bool *warned);
/* Values as the commands carry them; false: they are garbled. */
bool tb_isolate_unpack_values(tb_unpacker *from, uint32_t storage, void *values, uint32_t n_values, size_t *sizes);
void tb_isolate_pack_access(tb_packer *to, tb_command_kind kind, uint32_t storage, const uint32_t *vrs, uint32_t n,
                            uint32_t n_values);

/* ahead.c: values that come along with a step */

/* Before a step is sent: asks for them. */
void tb_ahead_ask(tb_isolate *isolate);
/* The step's answer is here, up to them: false: it is garbled. */
bool tb_ahead_take(tb_isolate *isolate, uint32_t carried_out);
/* Anything else is about to be called: they are of no use any more. */
void tb_ahead_forget(tb_isolate *isolate);
/* The window, if it is here; else it is expected from the next step on, and NULL. */
tb_window *tb_ahead_find(tb_isolate *isolate, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values);
void tb_ahead_destroy(tb_isolate *isolate);

#endif
