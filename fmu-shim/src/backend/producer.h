/*
 * The backend's end of a region: what a consumer worker calls, through koffi, to hand samples in and take inputs out.
 * One thread per producer.
 */
#ifndef TB_PRODUCER_H
#define TB_PRODUCER_H

#include "../platform/platform.h"
#include "../ring/region.h"
#include "tb_api.h"
#include "tb_decode.h"

typedef struct tb_producer tb_producer;

/* Answers of the push functions. */
enum {
  TB_PUSH_SLOW_PATH = -1, /* the message needs the decoder in TypeScript */
  TB_PUSH_FULL = -2,      /* no row is free; a byte comes through the notification's end when a step waits for data */
  TB_PUSHED = 0,          /* or-ed with the decoder's flags */
  TB_PUSHED_DROPPING = 256,     /* or-ed: the oldest sample had to go */
  TB_PUSHED_OUT_OF_ORDER = 512, /* or-ed: an earlier message had a later time */
  TB_PUSHED_REPEATED = 1024     /* or-ed: its time is the newest, and a message before had one of its signals for it */
};

/* Receives the handles of an ATTACH, whose body is `text`: shared memory, signal end, and where notifications come (a file
   descriptor, or a path to connect to); false: it failed. `importer`: as this process was started with. */
TB_API int tb_receive_handles(int64_t importer, const char *text, int64_t handles[2], char listen[TB_HANDLES_TEXT]);
/* Ends this process when the importer is gone and `grace_ms` have passed, whatever its event loop is doing. */
TB_API int tb_guard_parent(int64_t importer, int32_t grace_ms);

TB_API uint64_t tb_producer_region_size(const tb_region_spec *spec, const tb_variable *variables);
/* Maps and lays out the region behind `shm` (or, with shm < 0, memory of this process, for use without a shim). */
TB_API tb_producer *tb_producer_create(int64_t shm, int64_t signal_end, const tb_region_spec *spec,
                                       const tb_variable *variables, const char *texts, uint32_t drop_oldest);
TB_API void tb_producer_destroy(tb_producer *producer);
const tb_region *tb_producer_region(const tb_producer *producer);
/* The decoder reads the messages of `source` (below TB_MAX_SOURCES) from now on and is destroyed with the producer. */
TB_API void tb_producer_use_decoder(tb_producer *producer, uint32_t source, tb_decoder *decoder);

/* Decodes one message of `source` into a free row and hands it over. */
TB_API int tb_producer_push_json(tb_producer *producer, uint32_t source, const uint8_t *json, uint32_t length);
/* A whole number below 2^53 that tells messages apart. */
TB_API double tb_fingerprint(const uint8_t *bytes, uint32_t length);
/* Hands over a sample decoded elsewhere. `mask`, `values` as in a row; `strings`: the row's string area. */
TB_API int tb_producer_push(tb_producer *producer, uint32_t source, int64_t time_ns, const uint64_t *mask,
                            const uint64_t *values, const char *strings);
/* Hands over a watermark: no later message of `source` has a time <= `time_ns`; INT64_MAX: its stream has ended. */
TB_API int tb_producer_push_watermark(tb_producer *producer, uint32_t source, int64_t time_ns);

/* Next changed inputs. 1: copied out; 0: there are none, and a byte comes through the notification's end when there
   are. `head`: wall clock of the doStep (ns) and end of its step (s). */
TB_API int tb_producer_next_outgoing(tb_producer *producer, tb_row_head *head, uint64_t *mask, uint64_t *values,
                                     char *strings);
/* The newest time of `source` handed over so far, ns since the epoch; INT64_MIN: none yet. */
TB_API int64_t tb_producer_newest(const tb_producer *producer, uint32_t source);
/* Has the next step publish all inputs, since the broker did not take a message of some. */
TB_API void tb_producer_refused(tb_producer *producer);
/* The latched inputs that have been true, a bit each in the order of their slots; `head` of the step that set the last. */
TB_API uint32_t tb_producer_latched(const tb_producer *producer, tb_row_head *head);
/* The broker has routed a message with these. */
TB_API void tb_producer_confirm_latched(tb_producer *producer, uint32_t latched);
TB_API uint32_t tb_producer_outgoing_count(const tb_producer *producer);

TB_API void tb_producer_set_link(tb_producer *producer, uint32_t state, uint32_t up);
/* What waited with the broker at the start has been handed over. */
TB_API void tb_producer_set_live(tb_producer *producer);
TB_API void tb_producer_confirmed(tb_producer *producer, int64_t doing_ns);
/* Notes what a peer said of its time: `ahead_ns`, by how much the co-simulation's time was ahead of the peer's. */
TB_API void tb_producer_health(tb_producer *producer, int64_t cosim_ns, int64_t ahead_ns);
TB_API void tb_producer_count(tb_producer *producer, uint32_t counter, uint32_t by);
TB_API double tb_producer_counted(const tb_producer *producer, uint32_t counter);
TB_API double tb_producer_shim_counted(const tb_producer *producer, uint32_t counter);
/* A line for the importer's logger; a full log drops it and counts. */
TB_API void tb_producer_log(tb_producer *producer, uint32_t level, const char *category, const char *text);

#endif
