#ifndef TB_FAR_INTERNAL_H
#define TB_FAR_INTERNAL_H

#include "far.h"
#include "wire.h"

/* What brings requests to the other side and answers back. Its own memory begins with the tb_far that it carries for. */
typedef struct {
  /* The request's commands; the answer is due at far->due_ns. 0, TB_CRASHED or TB_LATE, as is noted in far->ending. */
  int (*send)(tb_far *, const uint8_t *bytes, size_t size);
  /* Waits for the answer, then in far->answer; hands over the log. */
  int (*receive)(tb_far *);
  /* An answer was none: nothing more is to be expected from there. TB_CRASHED. */
  int (*give_up)(tb_far *);
  /* In order (TB_DO_LEAVE) if `idle`, else at once; frees all there is. */
  void (*end)(tb_far *, bool idle);
  int64_t (*process)(const tb_far *);
} tb_carrier;

/* Values that were read after steps, and are expected to be read after further ones. */
typedef struct {
  uint32_t storage, n, n_values;
  size_t vrs; /* in tb_far.vrs */
  uint32_t idle; /* steps after which nobody asked for them */
  bool asked;
  bool here; /* came along with the last step: */
  int32_t status;
  tb_unpacker values;
} tb_window;

struct tb_far {
  const tb_carrier *carrier;
  const tb_library *library; /* whose calls it takes */
  tb_ending ending;
  char function[TB_DOING_BYTES]; /* the FMU's function that failed, or that was being called */

  tb_host_environment *host; /* of the instance */
  bool created;              /* there is an instance */
  bool running;              /* the initialisation is over: `step_ns` counts */
  int64_t start_ns, step_ns; /* how long a call may take; 0: as long as it likes */

  tb_packer request;
  tb_command about; /* of the request: the command that wants an answer, for messages */
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

/* How long freeing the instance and unloading the library may take, before the other side is given up. */
#define TB_FREE_NS INT64_C(5000000000)

/* A library whose calls `far` takes, with its limits; NULL: there is no memory, and `far` stays the caller's. */
tb_library *tb_far_library(tb_far *far, const tb_carrier *carrier, int fmi, const char *identifier, int64_t start_ns,
                           int64_t step_ns);
/* What is not the carrier's. */
void tb_far_destroy(tb_far *far);
/* Asks which functions the FMU has, with TB_DO_LOAD and these texts: 0, or why it is not loaded is in `error`, or `ending` tells. */
int tb_far_load(tb_library *library, const char *path, const char *identifier, char *error, uint32_t error_size);

/* Sends the request with `limit_ns` (0: none) for the answer; 0, TB_CRASHED or TB_LATE. */
int tb_far_send(tb_far *far, int64_t limit_ns);
int tb_far_await(tb_far *far);
int tb_far_garbled(tb_far *far);

/* calls.c */
extern const tb_adapter tb_far_adapter;
void tb_far_set_accessors(tb_library *library, uint32_t getters, uint32_t setters);
/* Takes the results of `n` commands off the answer; 0 or the status of the one that failed. `warned`: one of them. */
int tb_far_results(tb_far *far, uint32_t n, bool *warned);
/* Values as the commands carry them; false: they are garbled. */
bool tb_far_unpack_values(tb_unpacker *from, uint32_t storage, void *values, uint32_t n_values, size_t *sizes);
void tb_far_pack_access(tb_packer *to, tb_command_kind kind, uint32_t storage, const uint32_t *vrs, uint32_t n,
                        uint32_t n_values);

/* ahead.c: values that come along with a step */

/* Before a step is sent: asks for them. */
void tb_ahead_ask(tb_far *far);
/* The step's answer is here, up to them: false: it is garbled. */
bool tb_ahead_take(tb_far *far, uint32_t carried_out);
/* Anything else is about to be called: they are of no use any more. */
void tb_ahead_forget(tb_far *far);
/* The window, if it is here; else it is expected from the next step on, and NULL. */
tb_window *tb_ahead_find(tb_far *far, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values);
void tb_ahead_destroy(tb_far *far);

#endif
