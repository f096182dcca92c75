/*
 * Which values a step outputs (RMQFMU 0, 1, 2; "RMQFMU: Bridging the Real World with Co-simulation", sections 4 and 5.4;
 * and `complete`, which is ours).
 *
 * Each signal has a chain of its own: samples that carry it wait in order of arrival (incoming), are moved at most
 * `lookahead` a round to a list in order of time, and those of the list that are not later than the step are taken; one
 * replaces the current value if it is strictly newer. Values are valid from their time until `maxage` after it.
 *
 *   arrival order  ──────────────────────────────────────────►
 *   entries        │ taken │ taken │ future │ not yet moved │ not yet moved │
 *                  first                    moved(chain)                    end
 *
 * Nothing is copied but the chosen values: an entry of 24 bytes stands for a sample, whose row stays in shared memory
 * until all chains are through with it. Signals that have always come together share one chain (a group), so that the
 * common case, every message carries every signal, costs one binary search, and any mixture costs what it must. Each
 * source has groups of its own.
 *
 * `complete`: a step to t considers the samples of each source one by one, in order of arrival, up to the first that
 * proves that the source will bring nothing more for t: a sample later than t, or a watermark that is not earlier. Of
 * those considered, now or at a step before, the newest not later than t is taken. What lies behind the proof is not
 * looked at, even if it is there: so the outputs depend on the order of each source's messages alone. A sample that is not
 * later than t is taken or passed over as soon as it is considered: a step that waits gives its row back, and a ring of
 * any size will do.
 */
#ifndef TB_SELECTION_H
#define TB_SELECTION_H

#include "../ring/region.h"

typedef struct tb_selection tb_selection;

/* NULL: out of memory. Nothing is allocated afterwards. */
tb_selection *tb_selection_create(const tb_region *region);
void tb_selection_destroy(tb_selection *selection);

/* The rules of a step, which an importer may change between steps. */
typedef struct {
  uint32_t behaviour; /* tb_behaviour */
  uint32_t lookahead;
  bool missing_is_valid; /* a signal that never came holds nothing up: it has its start value */
  int64_t maxage_ns[TB_MAX_SOURCES];
} tb_rule;

typedef enum {
  TB_WAITS,   /* more has to come */
  TB_VALID,   /* every output has a valid value */
  TB_HOPELESS /* `complete`: all that can come has come, and some value is too old or missing */
} tb_verdict;

/* Takes what has arrived since the last call; true if anything had. */
bool tb_selection_pull(tb_selection *selection);

/*
 * One round at `time` (ns): each chain moves up to `lookahead` samples and takes the newest not later than `time`.
 * RMQFMU 0 consumes message by message: `single` moves one sample, whatever it carries, for all chains.
 */
void tb_selection_round(tb_selection *selection, int64_t time, uint64_t lookahead, bool single);

/*
 * What a step at `time` does with the samples at hand, by behaviour; to be called again when more have come. `first`: the
 * step begins; else it goes on after waiting.
 */
tb_verdict tb_selection_select(tb_selection *selection, int64_t time, const tb_rule *rule, bool first);

/*
 * Initialisation with the samples at hand; to be called again when more have come, with the same rule.
 *
 * RMQFMU 0, 1, 2: message by message, until every signal has a value that is within maxage of the newest: `*zero`.
 *
 * `complete`: the same for each source by itself (with `rule->missing_is_valid`: until it has brought anything). The
 * newest stamp of all is `*zero`, and with several sources a step to it follows; if some value is too old there, `*zero`
 * moves on to the next sample of its source, until all are valid.
 */
tb_verdict tb_selection_start(tb_selection *selection, const tb_rule *rule, int64_t *zero);

/* `complete` from now on, or one of the others. */
void tb_selection_set_complete(tb_selection *selection, bool complete);

/* Passes over all samples that arrived before `arrival` (a count of samples): the newest of each signal becomes its value.
   false: some of them have not been taken from the ring yet. */
bool tb_selection_skip(tb_selection *selection, uint64_t arrival);

/* Every signal has a value with value time <= `time` <= value time + maxage of its source. */
bool tb_selection_valid(const tb_selection *selection, int64_t time, const tb_rule *rule);

/*
 * `complete`: looks for the earliest sample later than `from`, up to `end`, that a step may end at. false: more has to
 * come to tell; `first` as above. `*next`: its time; INT64_MAX: there is none up to `end`.
 */
bool tb_selection_seek(tb_selection *selection, int64_t from, int64_t end, bool first, int64_t *next);

/* Gives rows back that no chain needs any more. */
void tb_selection_release(tb_selection *selection);

/* Times of the newest and the oldest value that is output; INT64_MIN when a signal has none. */
int64_t tb_selection_newest(const tb_selection *selection);
int64_t tb_selection_oldest(const tb_selection *selection);

/* Wall clock at which the sample of the newest value entered the ring, ns; 0 before the first. */
int64_t tb_selection_newest_arrival(const tb_selection *selection);

/* INT64_MIN: the signal never came. */
int64_t tb_selection_time(const tb_selection *selection, uint32_t signal);

/* Time of the earliest sample in hand that is later than `after` (`complete`: of those considered); INT64_MAX: none is. */
int64_t tb_selection_next(const tb_selection *selection, int64_t after);
/* The same of those in hand that carry a signal. */
int64_t tb_selection_next_of(const tb_selection *selection, uint32_t signal, int64_t after);
/* The newest time among the samples in hand; INT64_MIN: there is none. To be asked before the first round. */
int64_t tb_selection_latest(const tb_selection *selection);

/* Samples taken from the ring and not yet consumed. */
uint32_t tb_selection_pending(const tb_selection *selection);

/* The current values, as in a row; strings are NUL-terminated. They hold start values until a sample came. */
uint64_t *tb_selection_values(tb_selection *selection);
char *tb_selection_strings(tb_selection *selection);

/*
 * Saved positions, for fmi2GetFMUstate. While a position is held, samples taken after it stay in the ring as far as it
 * has room (a quarter of the rows always stays free for new data), so that a step can be taken back and made again.
 */
typedef struct tb_position tb_position;
size_t tb_position_size(const tb_selection *selection); /* bytes, of a flat copyable block */
void tb_position_save(const tb_selection *selection, tb_position *position);
/* `same_instance`: the position was saved by this selection, so its places in the queue mean something here.
   Returns how many samples, needed to repeat what followed, are gone. */
uint64_t tb_position_restore(tb_selection *selection, const tb_position *position, bool same_instance);
/* Keeps samples from this arrival number on; UINT64_MAX: keeps none. */
void tb_selection_pin(tb_selection *selection, uint64_t arrival);
uint64_t tb_position_arrival(const tb_position *position);

#endif
