/*
 * Which values a step outputs (RMQFMU 0, 1, 2; "RMQFMU: Bridging the Real World with Co-simulation", sections 4 and 5.4).
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
 * common case, every message carries every signal, costs one binary search, and any mixture costs what it must.
 */
#ifndef TB_SELECTION_H
#define TB_SELECTION_H

#include "../ring/region.h"

typedef struct tb_selection tb_selection;

/* NULL: out of memory. Nothing is allocated afterwards. */
tb_selection *tb_selection_create(const tb_region *region);
void tb_selection_destroy(tb_selection *selection);

/* Takes what has arrived since the last call; true if anything had. */
bool tb_selection_pull(tb_selection *selection);

/*
 * One round at `time` (ns): each chain moves up to `lookahead` samples and takes the newest not later than `time`.
 * RMQFMU 0 consumes message by message: `single` moves one sample, whatever it carries, for all chains.
 */
void tb_selection_round(tb_selection *selection, int64_t time, uint64_t lookahead, bool single);

/*
 * The rounds that a step at `time` makes with the samples at hand, by behaviour (RMQFMU 0, 1, 2): true when the outputs
 * are valid, false when it has to wait for more. `first`: the step begins; else it goes on after waiting.
 */
bool tb_selection_select(tb_selection *selection, int64_t time, uint32_t behaviour, uint32_t lookahead,
                         int64_t maxage_ns, bool first);

/* Samples wait that no round has moved for some chain yet. */
bool tb_selection_can_move(const tb_selection *selection);

/* Every signal has a value with value time <= `time` <= value time + maxage. */
bool tb_selection_valid(const tb_selection *selection, int64_t time, int64_t maxage_ns);

/* Initialisation: every signal has a value, none older than `maxage_ns` before the newest. */
bool tb_selection_complete(const tb_selection *selection, int64_t maxage_ns);

/* Gives rows back that no chain needs any more. */
void tb_selection_release(tb_selection *selection);

/* Times of the newest and the oldest value that is output; INT64_MIN when a signal has none. */
int64_t tb_selection_newest(const tb_selection *selection);
int64_t tb_selection_oldest(const tb_selection *selection);

/* Wall clock at which the sample of the newest value entered the ring, ns; 0 before the first. */
int64_t tb_selection_newest_arrival(const tb_selection *selection);

/* INT64_MIN: the signal never came. */
int64_t tb_selection_time(const tb_selection *selection, uint32_t signal);

/* Time of the earliest sample in hand that is later than `after`; INT64_MAX: there is none. */
int64_t tb_selection_next(const tb_selection *selection, int64_t after);

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
