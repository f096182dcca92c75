/*
 * Values that come along with a step.
 *
 * A step plan reads the same values after each step. So the other side is asked for those that were read after the steps before
 * together with the next step, and when the plan reads them, they are here already. What nobody asked for after a number of
 * steps is left out again.
 */
#include "far_internal.h"

/* A component that makes one long step where others make several is read but now and then. */
enum { MAX_IDLE = 64 };

static const uint32_t *vrs_of(const tb_far *far, const tb_window *w) { return far->vrs + w->vrs; }

static void remove_idle(tb_far *far) {
  uint32_t kept = 0;
  size_t used = 0;
  for (uint32_t k = 0; k < far->n_windows; k++) {
    tb_window w = far->windows[k];
    w.idle = w.asked ? 0 : w.idle + 1;
    w.asked = false;
    if (w.idle > MAX_IDLE) continue;
    memmove(far->vrs + used, vrs_of(far, &w), w.n * sizeof *far->vrs);
    w.vrs = used;
    used += w.n;
    far->windows[kept++] = w;
  }
  far->n_windows = kept;
  far->n_vrs = used;
}

void tb_ahead_ask(tb_far *far) {
  remove_idle(far);
  for (uint32_t k = 0; k < far->n_windows; k++) {
    const tb_window *w = &far->windows[k];
    tb_far_pack_access(&far->request, TB_DO_GET, w->storage, vrs_of(far, w), w->n, w->n_values);
  }
  far->n_sent = far->n_windows;
}

/* Passes over values in the answer. */
static bool pass_over(tb_unpacker *from, const tb_window *w) {
  if (w->storage != TB_TEXT && w->storage != TB_BYTES)
    return tb_unpack(from, tb_storage_size(w->storage) * w->n_values) != NULL || w->n_values == 0;
  size_t size;
  for (uint32_t k = 0; k < w->n_values && !from->failed; k++) tb_unpack_sized(from, &size);
  return !from->failed;
}

bool tb_ahead_take(tb_far *far, uint32_t carried_out) {
  for (uint32_t k = 0; k < far->n_sent && k < carried_out; k++) {
    tb_window *w = &far->windows[k];
    tb_result result;
    if (!tb_unpack_into(&far->answer, &result, sizeof result)) return false;
    w->status = result.status;
    w->values = far->answer;
    if (!pass_over(&far->answer, w)) return false;
    w->here = true;
  }
  far->next_window = 0;
  return true;
}

void tb_ahead_forget(tb_far *far) {
  for (uint32_t k = 0; k < far->n_windows; k++) far->windows[k].here = false;
}

static bool is_same(const tb_far *far, const tb_window *w, uint32_t storage, const uint32_t *vrs, uint32_t n,
                    uint32_t n_values) {
  return w->storage == storage && w->n == n && w->n_values == n_values &&
         memcmp(vrs_of(far, w), vrs, n * sizeof *vrs) == 0;
}

/* Without memory nothing is expected, and it works all the same. */
static void expect(tb_far *far, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values) {
  if (far->n_windows == far->windows_room) {
    const uint32_t room = 2 * far->windows_room + 8;
    tb_window *windows = realloc(far->windows, room * sizeof *windows);
    if (windows == NULL) return;
    far->windows = windows;
    far->windows_room = room;
  }
  if (far->vrs_room - far->n_vrs < n) {
    const size_t room = 2 * (far->vrs_room + n) + 64;
    uint32_t *all = realloc(far->vrs, room * sizeof *all);
    if (all == NULL) return;
    far->vrs = all;
    far->vrs_room = room;
  }
  memcpy(far->vrs + far->n_vrs, vrs, n * sizeof *vrs);
  far->windows[far->n_windows++] =
      (tb_window){.storage = storage, .n = n, .n_values = n_values, .vrs = far->n_vrs, .asked = true};
  far->n_vrs += n;
}

tb_window *tb_ahead_find(tb_far *far, uint32_t storage, const uint32_t *vrs, uint32_t n, uint32_t n_values) {
  for (uint32_t tried = 0; tried < far->n_windows; tried++) {
    const uint32_t k = (far->next_window + tried) % far->n_windows; /* they are asked for in the same order */
    tb_window *w = &far->windows[k];
    if (!is_same(far, w, storage, vrs, n, n_values)) continue;
    w->asked = true;
    far->next_window = k + 1;
    return w->here ? w : NULL;
  }
  expect(far, storage, vrs, n, n_values);
  return NULL;
}

void tb_ahead_destroy(tb_far *far) {
  free(far->windows);
  free(far->vrs);
}
