/*
 * Values that come along with a step.
 *
 * A step plan reads the same values after each step. So the child is asked for those that were read after the steps before
 * together with the next step, and when the plan reads them, they are here already. What nobody asked for after a number of
 * steps is left out again.
 */
#include "isolate_internal.h"

/* A component that makes one long step where others make several is read but now and then. */
enum { MAX_IDLE = 64 };

static const uint32_t *vrs_of(const tb_isolate *iso, const tb_window *w) { return iso->vrs + w->vrs; }

static void remove_idle(tb_isolate *iso) {
  uint32_t kept = 0;
  size_t used = 0;
  for (uint32_t k = 0; k < iso->n_windows; k++) {
    tb_window w = iso->windows[k];
    w.idle = w.asked ? 0 : w.idle + 1;
    w.asked = false;
    if (w.idle > MAX_IDLE) continue;
    memmove(iso->vrs + used, vrs_of(iso, &w), w.n * sizeof *iso->vrs);
    w.vrs = used;
    used += w.n;
    iso->windows[kept++] = w;
  }
  iso->n_windows = kept;
  iso->n_vrs = used;
}

void tb_ahead_ask(tb_isolate *iso) {
  remove_idle(iso);
  for (uint32_t k = 0; k < iso->n_windows; k++) {
    const tb_window *w = &iso->windows[k];
    tb_isolate_pack_access(&iso->request, TB_DO_GET, w->storage, vrs_of(iso, w), w->n, w->n_values);
  }
  iso->n_sent = iso->n_windows;
}

/* Passes over values in the answer. */
static bool pass_over(tb_unpacker *from, const tb_window *w) {
  if (w->storage != TB_TEXT && w->storage != TB_BYTES)
    return tb_unpack(from, tb_storage_size(w->storage) * w->n_values) != NULL || w->n_values == 0;
  size_t size;
  for (uint32_t k = 0; k < w->n_values && !from->failed; k++) tb_unpack_sized(from, &size);
  return !from->failed;
}

bool tb_ahead_take(tb_isolate *iso, uint32_t carried_out) {
  for (uint32_t k = 0; k < iso->n_sent && k < carried_out; k++) {
    tb_window *w = &iso->windows[k];
    tb_result result;
    if (!tb_unpack_into(&iso->answer, &result, sizeof result)) return false;
    w->status = result.status;
    w->values = iso->answer;
    if (!pass_over(&iso->answer, w)) return false;
    w->here = true;
  }
  iso->next_window = 0;
  return true;
}

void tb_ahead_forget(tb_isolate *iso) {
  for (uint32_t k = 0; k < iso->n_windows; k++) iso->windows[k].here = false;
}

static bool is_same(const tb_isolate *iso, const tb_window *w, uint32_t storage, const uint32_t *vrs, uint32_t n,
                    uint32_t n_values) {
  return w->storage == storage && w->n == n && w->n_values == n_values &&
         memcmp(vrs_of(iso, w), vrs, n * sizeof *vrs) == 0;
}

/* Without memory nothing is expected, and it works all the same. */
static void expect(tb_isolate *iso, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values) {
  if (iso->n_windows == iso->windows_room) {
    const uint32_t room = 2 * iso->windows_room + 8;
    tb_window *windows = realloc(iso->windows, room * sizeof *windows);
    if (windows == NULL) return;
    iso->windows = windows;
    iso->windows_room = room;
  }
  if (iso->vrs_room - iso->n_vrs < n) {
    const size_t room = 2 * (iso->vrs_room + n) + 64;
    uint32_t *all = realloc(iso->vrs, room * sizeof *all);
    if (all == NULL) return;
    iso->vrs = all;
    iso->vrs_room = room;
  }
  memcpy(iso->vrs + iso->n_vrs, vrs, n * sizeof *vrs);
  iso->windows[iso->n_windows++] =
      (tb_window){.storage = storage, .n = n, .n_values = n_values, .vrs = iso->n_vrs, .asked = true};
  iso->n_vrs += n;
}

tb_window *tb_ahead_find(tb_isolate *iso, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values) {
  for (uint32_t tried = 0; tried < iso->n_windows; tried++) {
    const uint32_t k = (iso->next_window + tried) % iso->n_windows; /* they are asked for in the same order */
    tb_window *w = &iso->windows[k];
    if (!is_same(iso, w, storage, vrs, n, n_values)) continue;
    w->asked = true;
    iso->next_window = k + 1;
    return w->here ? w : NULL;
  }
  expect(iso, storage, vrs, n, n_values);
  return NULL;
}

void tb_ahead_destroy(tb_isolate *iso) {
  free(iso->windows);
  free(iso->vrs);
}
