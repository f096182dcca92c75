/*
 * The region: the stretch of shared memory between one bridge instance (the shim, in the importer's process) and its
 * consumer worker (in the backend's process).
 *
 *   header │ variables │ texts │ sample rows │ outgoing rows │ filled queue │ free queue │ outgoing queue │ log
 *
 * The backend lays it out and fills in everything the shim has to know; the shim has no configuration of its own.
 * Offsets count from the header's first byte. Every row belongs to exactly one side at any moment: the right to touch
 * it travels with its index through the queues, so rows need no locks and no atomics.
 */
#ifndef TB_REGION_H
#define TB_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tb_types.h"

#define TB_REGION_MAGIC 0x54425247u /* "TBRG" */
#define TB_REGION_ABI 5u            /* changes with any change of this file */
#define TB_CACHE_LINE 64
#define TB_NO_OFFSET UINT32_MAX
#define TB_MAX_SOURCES 16
#define TB_MAX_LATCHES 32

typedef enum { TB_OUTPUT, TB_INPUT, TB_PARAMETER, TB_DIAGNOSTIC } tb_kind;

/* Parameters, and inputs, that the shim itself obeys; the backend reads the others from the start message. */
typedef enum {
  TB_ROLE_NONE,
  TB_ROLE_TIMEOUT_S,
  TB_ROLE_MAXAGE_MS,
  TB_ROLE_LOOKAHEAD,
  TB_ROLE_BEHAVIOUR,
  TB_ROLE_ON_TIMEOUT,
  TB_ROLE_SEND_ALWAYS,
  TB_ROLE_SEND_EVERY_STEP,
  TB_ROLE_SEND_OFF, /* an input: nothing is published while it is true */
  TB_ROLE_LATCH,    /* an input, Boolean: once true it stays true in what is published, and overtakes all that waits */
} tb_role;

typedef enum { TB_RMQFMU_0, TB_RMQFMU_1, TB_RMQFMU_2, TB_COMPLETE } tb_behaviour;

/* What initialisation waits for. */
typedef enum {
  TB_START_ALL,    /* a value of every signal */
  TB_START_VALUES, /* nothing: signals have their start values until their first message */
  TB_START_LATEST, /* a value of every signal, the newest when the backlog in the queue has been taken in */
} tb_start_policy;

/* Which stamp belongs to communication point 0 (`delay_ns` is subtracted from it). */
typedef enum {
  TB_ORIGIN_FIRST,      /* the newest of the first complete set of values */
  TB_ORIGIN_FIXED,      /* `origin_ns` */
  TB_ORIGIN_WALL_CLOCK, /* the wall clock at the end of initialisation */
} tb_origin;

/* Diagnostic outputs, computed when they are read. Order shared with src/bridge/layout.ts. */
typedef enum {
  TB_DIAG_DATA_AGE,        /* Real, s: communication point - time of the oldest value that is output */
  TB_DIAG_QUEUE_DEPTH,     /* Integer: samples decoded and not yet consumed */
  TB_DIAG_RECEIVED,        /* Integer: messages that arrived */
  TB_DIAG_USED,            /* Integer: samples that became an output */
  TB_DIAG_SKIPPED,         /* Integer: samples passed over for a newer one */
  TB_DIAG_LATE,            /* Integer: samples older than what was already output */
  TB_DIAG_DROPPED,         /* Integer: samples dropped by a full ring */
  TB_DIAG_LINK_UP,         /* Boolean: the consuming connection stands */
  TB_DIAG_DUPLICATE,       /* Integer: samples with the time of a value already output */
  TB_DIAG_REJECTED,        /* Integer: messages that were no sample */
  TB_DIAG_HELD,            /* Integer: steps whose outputs stayed, within maxage */
  TB_DIAG_TRANSPORT_DELAY, /* Real, s: arrival in the ring - sample time, of the newest value that is output */
  TB_DIAG_RING_DELAY,      /* Real, s: communication point reached (wall clock) - arrival in the ring, same value */
  TB_DIAG_CONFIRM_DELAY,   /* Real, s: broker's confirm - doStep that published, of the newest confirmed message */
  TB_DIAG_CONFIRMED,       /* Integer: published messages that the broker confirmed */
  TB_DIAG_REFUSED_VALUES,  /* Integer: values of a wrong type or range in messages that were used */
  TB_DIAG_UNKNOWN_FIELDS,  /* Integer: messages with unknown fields */
  TB_DIAG_PARTIAL,         /* Integer: messages without some of the signals */
  TB_DIAG_OUT_OF_ORDER,    /* Integer: messages older than one that arrived before */
  TB_DIAG_REPEATED,        /* Integer: messages that bring a signal again for the newest time */
  TB_DIAG_RECONNECTS,      /* Integer: times that the connection was lost and is back */
  TB_DIAG_TIME_DISCREPANCY,    /* Real, ms: health_ahead_ns */
  TB_DIAG_SIMTIME_DISCREPANCY, /* Real, ms: between the communication point and health_cosim_ns */
  TB_DIAG_NEXT_TIME,       /* Real, s: communication point at which the next waiting sample becomes due */
  TB_DIAG_REDELIVERED,     /* Integer: messages that came again after a connection was lost, and were known */
  TB_DIAG_LATCHED,         /* Boolean: a latched input has been true */
  TB_DIAG_LATCHED_CONFIRMED, /* Boolean: so it has, and the broker has routed what says so */
  TB_DIAG_COUNT,
  TB_DIAG_TIME = 255 /* Real, s: the independent variable that FMI 3.0 asks for */
} tb_diagnostic;

/*
 * One FMI variable, 40 bytes. Sorted by value reference.
 *
 * An array has the slots slot .. slot + n_elements - 1. The elements of an array of texts lie `string_capacity`, rounded
 * up to 8, apart. The start values of an array are n_elements times 8 bytes in the texts, at any address.
 */
typedef struct {
  uint32_t value_reference;
  uint8_t type; /* tb_type */
  uint8_t kind; /* tb_kind */
  uint8_t role; /* tb_role */
  uint8_t source; /* of an output: which source's messages carry it */
  uint32_t slot;            /* its place among the variables of its kind; of a diagnostic: tb_diagnostic */
  uint32_t string_offset;   /* text outputs and inputs: into the row's string area */
  uint32_t string_capacity; /* the same: bytes, with the closing NUL */
  uint32_t start_offset;    /* of a String or an array: into the texts, or TB_NO_OFFSET */
  uint32_t name_offset;     /* into the texts */
  uint32_t n_elements;      /* 1: a scalar */
  uint64_t start;           /* as in a row */
} tb_variable;

/* Life of the link, set by the backend. */
typedef enum { TB_LINK_IDLE, TB_LINK_STARTING, TB_LINK_READY, TB_LINK_FAILED } tb_link_state;

/* Counted by the backend. */
typedef enum {
  TB_COUNT_RECEIVED,       /* messages delivered */
  TB_COUNT_PUSHED,         /* messages that became a sample */
  TB_COUNT_REJECTED,       /* messages that did not */
  TB_COUNT_REFUSED_VALUES, /* values of a wrong type or range in messages that did */
  TB_COUNT_UNKNOWN_FIELDS, /* messages with unknown fields */
  TB_COUNT_PARTIAL,        /* messages without some of the signals */
  TB_COUNT_DROPPED,        /* samples that a full ring dropped */
  TB_COUNT_PUBLISHED,
  TB_COUNT_CONFIRMED,
  TB_COUNT_RETURNED, /* published, but no queue was bound to the routing key */
  TB_COUNT_RECONNECTS,
  TB_COUNT_BLOCKED, /* times the ring was full and the consumer waited */
  TB_COUNT_LOG_LOST,
  TB_COUNT_OUT_OF_ORDER, /* messages older than one that arrived before */
  TB_COUNT_REPEATED,     /* messages that bring a signal again for the newest time */
  TB_COUNT_REDELIVERED,  /* messages that came again after a connection was lost, and were known */
  TB_COUNT_EXPIRED,      /* of the published: their time to live was over before they could be sent */
  TB_BACKEND_COUNTERS
} tb_backend_counter;

/* Counted by the shim. */
typedef enum {
  TB_COUNT_STEPS,
  TB_COUNT_USED,
  TB_COUNT_SKIPPED,
  TB_COUNT_LATE,
  TB_COUNT_DUPLICATE,
  TB_COUNT_HELD,
  TB_COUNT_WAITED,    /* steps that had to wait for data */
  TB_COUNT_TIMED_OUT, /* steps whose deadline passed */
  TB_COUNT_COALESCED, /* changes merged into a later message because the outgoing queue was full */
  TB_SHIM_COUNTERS
} tb_shim_counter;

/* A decoded sample on its way. Relaxed atomics: an entry may be read while the other side takes it away (see queue.h). */
typedef struct {
  _Atomic int64_t time; /* ns since the epoch */
  _Atomic uint32_t row; /* its index, and TB_FULL_ROW if the sample has every signal */
} tb_filled_entry;

#define TB_FULL_ROW 0x80000000u
#define TB_NO_ROW 0x7fffffffu /* the row has left the queue by another way */

typedef struct {
  uint32_t magic;
  uint32_t abi;
  uint64_t size; /* bytes of the region */

  uint32_t n_variables;
  uint32_t n_outputs, n_inputs, n_parameters; /* slots */
  uint32_t n_rows, filled_capacity; /* capacity of filled and free queue: a power of two > 2 * n_rows */
  uint32_t n_outgoing;              /* outgoing rows: a power of two */
  uint32_t log_capacity;            /* bytes: a power of two */
  uint32_t output_words, input_words;
  uint32_t row_stride, outgoing_stride;
  uint32_t output_strings, input_strings; /* bytes of a row's string area */
  uint64_t variables, texts, rows, outgoing, filled, free_rows, log;

  /* Settings, as configured; an importer's parameters override them in the shim. */
  uint32_t n_sources;
  uint32_t source_names; /* into the texts: one after the other, each with its NUL */
  int64_t source_maxage_ns[TB_MAX_SOURCES];
  uint32_t lookahead;
  uint32_t behaviour; /* tb_behaviour */
  uint32_t timeout_ms;
  uint32_t hold_on_timeout;
  uint32_t send_always;
  uint32_t send_every_step; /* a message in each step, also when no input changed */
  uint32_t origin_at_start; /* time zero belongs to startTime, not to 0 */
  uint32_t start_policy;    /* tb_start_policy */
  uint32_t origin;          /* tb_origin */
  int64_t origin_ns, delay_ns;

  uint32_t drop_oldest;

  /*
   * How far the queues are: counts of entries ever put in and taken out. All counters only grow. What a step reads of the
   * backend's doings stands together in one cache line, and what the shim writes in others.
   */
  _Alignas(TB_CACHE_LINE) _Atomic uint64_t filled_written;
  _Atomic uint64_t irregular; /* samples up to the last that lacks a signal or is not newer than all before it */
  _Atomic uint64_t live_from; /* 1 + the samples that waited with the broker at the start; 0: it is still delivering them */
  _Atomic uint64_t log_written;
  _Atomic uint64_t outgoing_taken;
  _Atomic uint32_t inputs_refused; /* messages of inputs that the broker did not take: all are to be published again */
  _Atomic uint32_t link_state; /* tb_link_state */
  _Atomic uint32_t link_up;
  _Atomic int64_t confirmed_doing_ns; /* wall clock of the doStep whose message was confirmed last */
  _Atomic int64_t confirmed_ns;       /* wall clock of that confirm */
  _Atomic uint64_t health_version;    /* odd while a health message is written */

  _Alignas(TB_CACHE_LINE) _Atomic uint64_t filled_taken; /* the backend, too, takes from here under drop-oldest */
  _Atomic uint64_t filled_done;                          /* entries whose rows, where they still have one, are free */
  _Atomic uint64_t free_written;
  _Atomic uint64_t outgoing_written;
  _Atomic uint64_t log_taken;
  _Atomic uint64_t shim_counters[TB_SHIM_COUNTERS];

  /* Raised before going to sleep, lowered by who sends the wake-up (see queue.h). */
  _Alignas(TB_CACHE_LINE) _Atomic uint32_t reader_waiting; /* a step sleeps until a sample comes */
  _Atomic uint32_t writer_waiting;                         /* the consumer found no free row and looks again later */
  _Atomic uint32_t publisher_waiting;                      /* the publisher waits for an outgoing row */

  /* A bit for each latched input, in the order of their slots. They do not pass through the outgoing queue. */
  _Atomic uint32_t latched;           /* by the shim: has been true at a step */
  _Atomic uint32_t latched_confirmed; /* by the backend: routed */
  _Atomic int64_t latched_doing_ns;   /* wall clock of the doStep that set the last of them */
  _Atomic uint64_t latched_step_end;  /* end of its step, s: the bits of a double */

  _Alignas(TB_CACHE_LINE) _Atomic uint64_t backend_counters[TB_BACKEND_COUNTERS];
  /* The newest health message: the co-simulation's time that the peer knew of, and how far that was ahead of its own. */
  _Atomic int64_t health_cosim_ns, health_ahead_ns;
} tb_header;

/*
 * A row starts with its head, then the mask, then the values, then the string area.
 *
 * A sample without a signal is a watermark: no later message of its source has a time that is not later. INT64_MAX: the
 * stream has ended.
 */
typedef struct {
  int64_t arrived_ns; /* wall clock when the sample entered the ring; of an outgoing row: when doStep wrote it */
  union {
    double step_end_s; /* outgoing rows: end of the communication step */
    uint64_t source;   /* samples */
  };
} tb_row_head;

/* Pointers into a mapped region. Values are 8 bytes a slot: double, int64, or for a string its length in bytes. */
typedef struct {
  tb_header *header;
  const tb_variable *variables;
  const char *texts;
  unsigned char *rows;
  unsigned char *outgoing;
  tb_filled_entry *filled;
  _Atomic uint32_t *free_rows;
  unsigned char *log;
} tb_region;

typedef struct {
  tb_row_head *head;
  uint64_t *mask;
  uint64_t *values;
  char *strings;
} tb_row;

/* What the backend asks for. Counts are raised to what the layout needs. */
typedef struct {
  uint32_t n_variables, n_text_bytes;
  uint32_t n_rows, n_outgoing, log_bytes;
  uint32_t lookahead, behaviour, timeout_ms, hold_on_timeout, send_always, origin_at_start;
  uint32_t drop_oldest;
  uint32_t start_policy, origin, n_sources, send_every_step;
  uint32_t source_names, reserved;
  int64_t origin_ns, delay_ns;
  int64_t source_maxage_ns[TB_MAX_SOURCES];
} tb_region_spec;

/* Bytes that a region of this layout takes. */
uint64_t tb_region_size(const tb_region_spec *spec, const tb_variable *variables);

/* Lays out `memory` (zeroed, tb_region_size bytes); all rows start free. */
void tb_region_init(void *memory, const tb_region_spec *spec, const tb_variable *variables, const char *texts);

/* Checks the header and resolves its offsets; false: not a region of this build, or `size` is too small for it. */
bool tb_region_open(tb_region *region, void *memory, uint64_t size);

/* Bytes from one text of an array to the next. */
static inline uint32_t tb_text_stride(const tb_variable *v) { return (v->string_capacity + 7) & ~UINT32_C(7); }

static inline tb_row tb_row_at(unsigned char *row, uint32_t words, uint32_t n_values) {
  uint64_t *mask = (uint64_t *)(void *)(row + sizeof(tb_row_head));
  uint64_t *values = mask + words;
  return (tb_row){(tb_row_head *)(void *)row, mask, values, (char *)(values + n_values)};
}

static inline tb_row tb_sample_row(const tb_region *region, uint32_t index) {
  const tb_header *h = region->header;
  return tb_row_at(region->rows + (size_t)index * h->row_stride, h->output_words, h->n_outputs);
}

static inline tb_row tb_outgoing_row(const tb_region *region, uint64_t position) {
  const tb_header *h = region->header;
  return tb_row_at(region->outgoing + (size_t)(position & (h->n_outgoing - 1)) * h->outgoing_stride, h->input_words,
                   h->n_inputs);
}

static inline void tb_shim_count(const tb_region *region, tb_shim_counter counter, uint64_t by) {
  /* One writer: a plain load and store, no locked instruction in the step. */
  _Atomic uint64_t *c = &region->header->shim_counters[counter];
  atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline uint64_t tb_shim_counted(const tb_region *region, tb_shim_counter counter) {
  return atomic_load_explicit(&region->header->shim_counters[counter], memory_order_relaxed);
}

static inline uint64_t tb_backend_counted(const tb_region *region, tb_backend_counter counter) {
  return atomic_load_explicit(&region->header->backend_counters[counter], memory_order_relaxed);
}

#endif
