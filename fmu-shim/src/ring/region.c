#include "region.h"

#include <string.h>

static uint64_t align_up(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

static uint32_t power_of_two_above(uint32_t value) {
  uint32_t power = 1;
  while (power <= value && power < (1u << 30)) power <<= 1;
  return power;
}

static uint32_t words_for(uint32_t n) { return (n + 63) / 64; }

/* Everything in the header that follows from the spec: one function, so that size and initialisation agree. */
static void lay_out(tb_header *h, const tb_region_spec *spec, const tb_variable *variables) {
  h->n_variables = spec->n_variables;
  h->n_outputs = h->n_inputs = h->n_parameters = h->output_strings = h->input_strings = 0;
  for (uint32_t i = 0; i < spec->n_variables; i++) {
    const tb_variable *v = &variables[i];
    uint32_t end = tb_is_text(v->type) ? v->string_offset + (v->n_elements - 1) * tb_text_stride(v) + v->string_capacity : 0;
    if (v->kind == TB_OUTPUT) {
      h->n_outputs += v->n_elements;
      if (end > h->output_strings) h->output_strings = end;
    } else if (v->kind == TB_INPUT) {
      h->n_inputs += v->n_elements;
      if (end > h->input_strings) h->input_strings = end;
    } else if (v->kind == TB_PARAMETER) {
      h->n_parameters++;
    }
  }
  h->n_rows = spec->n_rows < 2 ? 2 : spec->n_rows;
  if (h->n_rows < spec->n_sources) h->n_rows = spec->n_sources; /* each has room for one */
  h->filled_capacity = power_of_two_above(2 * h->n_rows);
  h->n_outgoing = power_of_two_above(spec->n_outgoing < 2 ? 1 : spec->n_outgoing - 1);
  h->log_capacity = power_of_two_above(spec->log_bytes < 4096 ? 4095 : spec->log_bytes - 1);
  h->output_words = words_for(h->n_outputs);
  h->input_words = words_for(h->n_inputs);
  /* A whole number of cache lines: neighbouring rows may belong to different sides. */
  h->row_stride = (uint32_t)align_up(
      sizeof(tb_row_head) + 8ull * (h->output_words + h->n_outputs) + h->output_strings, TB_CACHE_LINE);
  h->outgoing_stride = (uint32_t)align_up(
      sizeof(tb_row_head) + 8ull * (h->input_words + h->n_inputs) + h->input_strings, TB_CACHE_LINE);

  uint64_t at = align_up(sizeof(tb_header), TB_CACHE_LINE);
  h->variables = at, at = align_up(at + (uint64_t)spec->n_variables * sizeof(tb_variable), TB_CACHE_LINE);
  h->texts = at, at = align_up(at + spec->n_text_bytes, TB_CACHE_LINE);
  h->rows = at, at += (uint64_t)h->n_rows * h->row_stride;
  h->outgoing = at, at += (uint64_t)h->n_outgoing * h->outgoing_stride;
  h->filled = at, at = align_up(at + (uint64_t)h->filled_capacity * sizeof(tb_filled_entry), TB_CACHE_LINE);
  h->free_rows = at, at = align_up(at + (uint64_t)h->filled_capacity * sizeof(uint32_t), TB_CACHE_LINE);
  h->log = at, at += h->log_capacity;
  h->size = at;
}

uint64_t tb_region_size(const tb_region_spec *spec, const tb_variable *variables) {
  tb_header h;
  memset(&h, 0, sizeof h);
  lay_out(&h, spec, variables);
  return h.size;
}

void tb_region_init(void *memory, const tb_region_spec *spec, const tb_variable *variables, const char *texts) {
  tb_header *h = memory;
  lay_out(h, spec, variables);
  h->abi = TB_REGION_ABI;
  h->n_sources = spec->n_sources;
  h->source_names = spec->source_names;
  memcpy(h->source_maxage_ns, spec->source_maxage_ns, sizeof h->source_maxage_ns);
  h->lookahead = spec->lookahead;
  h->behaviour = spec->behaviour;
  h->timeout_ms = spec->timeout_ms;
  h->hold_on_timeout = spec->hold_on_timeout;
  h->send_always = spec->send_always;
  h->send_every_step = spec->send_every_step;
  h->origin_at_start = spec->origin_at_start;
  h->drop_oldest = spec->drop_oldest;
  h->start_policy = spec->start_policy;
  h->origin = spec->origin;
  h->origin_ns = spec->origin_ns;
  h->delay_ns = spec->delay_ns;
  unsigned char *base = memory;
  memcpy(base + h->variables, variables, spec->n_variables * sizeof(tb_variable));
  memcpy(base + h->texts, texts, spec->n_text_bytes);
  _Atomic uint32_t *free_rows = (_Atomic uint32_t *)(void *)(base + h->free_rows);
  for (uint32_t row = 0; row < h->n_rows; row++) atomic_store_explicit(&free_rows[row], row, memory_order_relaxed);
  atomic_store_explicit(&h->free_written, h->n_rows, memory_order_release);
  h->magic = TB_REGION_MAGIC;
}

bool tb_region_open(tb_region *region, void *memory, uint64_t size) {
  tb_header *h = memory;
  if (size < sizeof *h || h->magic != TB_REGION_MAGIC || h->abi != TB_REGION_ABI || h->size > size) return false;
  unsigned char *base = memory;
  *region = (tb_region){
      .header = h,
      .variables = (const tb_variable *)(void *)(base + h->variables),
      .texts = (const char *)(base + h->texts),
      .rows = base + h->rows,
      .outgoing = base + h->outgoing,
      .filled = (tb_filled_entry *)(void *)(base + h->filled),
      .free_rows = (_Atomic uint32_t *)(void *)(base + h->free_rows),
      .log = base + h->log,
  };
  return true;
}
