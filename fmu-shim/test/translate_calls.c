/*
 * Commands as calls of proxyfmu and FMU-proxy: what goes out, byte for byte where it matters, what comes of replies, and that
 * no reply, however garbled, does harm.
 */
#include <inttypes.h>

#include "../src/remote/translate.h"
#include "check.h"

enum { GARBLED_ROUNDS = 200000 };

static const uint32_t VRS[] = {7, 1};
static const double REALS[] = {0.5, -2};

static uint64_t seed = 88172645463325252u;
static uint32_t random_number(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed >> 16);
}

/* Sets two Reals, steps from 1 s to 1.25 s, gets two Reals and a text. */
static void pack_step(tb_packer *request) {
  request->size = 0;
  tb_pack_command(request, TB_DO_SET, TB_F64, 2, 2);
  tb_pack_bytes(request, VRS, sizeof VRS);
  tb_pack_bytes(request, REALS, sizeof REALS);
  tb_pack_command(request, TB_DO_STEP, 0, 0, 0);
  tb_pack_double(request, 1);
  tb_pack_double(request, 0.25);
  tb_pack_command(request, TB_DO_GET, TB_F64, 2, 2);
  tb_pack_bytes(request, VRS, sizeof VRS);
  tb_pack_command(request, TB_DO_GET, TB_TEXT, 1, 1);
  tb_pack_bytes(request, VRS, sizeof *VRS);
}

/* The frames that the other side would answer with, one behind the other, and where each begins. */
typedef struct {
  tb_thrift_writer bytes;
  size_t begins[8], n;
} replies;

static size_t begin_reply(replies *r, tb_thrift_kind kind, const char *method, int32_t sequence) {
  r->begins[r->n++] = r->bytes.size;
  const size_t frame = tb_thrift_begin_frame(&r->bytes);
  tb_thrift_put_message(&r->bytes, kind, method, strlen(method), sequence);
  return frame;
}

static void end_reply(replies *r, size_t frame) {
  tb_thrift_put_stop(&r->bytes);
  CHECK(tb_thrift_end_frame(&r->bytes, frame, TB_THRIFT_FRAME_LIMIT));
}

static void reply_status(replies *r, const char *method, int32_t sequence, int32_t status) {
  const size_t frame = begin_reply(r, TB_THRIFT_REPLY, method, sequence);
  tb_thrift_put_field(&r->bytes, TB_THRIFT_I32, 0);
  tb_thrift_put_i32(&r->bytes, status);
  end_reply(r, frame);
}

static size_t begin_values(replies *r, const char *method, int32_t sequence) {
  const size_t frame = begin_reply(r, TB_THRIFT_REPLY, method, sequence);
  tb_thrift_put_field(&r->bytes, TB_THRIFT_STRUCT, 0);
  tb_thrift_put_field(&r->bytes, TB_THRIFT_LIST, 1);
  return frame;
}

static void end_values(replies *r, size_t frame) {
  tb_thrift_put_field(&r->bytes, TB_THRIFT_I32, 2);
  tb_thrift_put_i32(&r->bytes, 0);
  tb_thrift_put_stop(&r->bytes);
  end_reply(r, frame);
}

static void reply_to_step(replies *r, int32_t sequence, int32_t set_status) {
  r->n = 0;
  tb_thrift_clear(&r->bytes);
  reply_status(r, "write_real", sequence, set_status);
  reply_status(r, "step", sequence + 1, 0);
  size_t frame = begin_values(r, "read_real", sequence + 2);
  tb_thrift_put_doubles(&r->bytes, REALS, 2);
  end_values(r, frame);
  const char *const texts[] = {"gr\xc3\xbcn"};
  frame = begin_values(r, "read_string", sequence + 3);
  tb_thrift_put_texts(&r->bytes, texts, 1);
  end_values(r, frame);
}

static bool give(tb_translator *t, const replies *r) {
  for (size_t k = 0; k < r->n; k++) {
    const size_t begin = r->begins[k] + 4, end = k + 1 < r->n ? r->begins[k + 1] : r->bytes.size;
    /* A copy of just this size, so that a sanitizer sees the first byte that is read beyond. */
    uint8_t *payload = malloc(end - begin);
    memcpy(payload, r->bytes.bytes + begin, end - begin);
    const bool taken = tb_translate_reply(t, payload, end - begin);
    free(payload);
    if (!taken) return false;
  }
  return true;
}

static void goes_out_in_one_flight(void) {
  tb_translator t;
  tb_packer request = {0};
  tb_translator_init(&t, TB_PROXYFMU, TB_FMI2);
  pack_step(&request);
  CHECK(tb_translate(&t, request.bytes, request.size));
  static const uint8_t STEP[] = {
      0, 0, 0, 39,                                       /* frame */
      0x80, 1, 0, 1, 0, 0, 0, 4, 's', 't', 'e', 'p',     /* strict, call, "step" */
      0, 0, 0, 2,                                        /* its number */
      4, 0, 1, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0,             /* 1: double 1 */
      4, 0, 2, 0x3f, 0xd0, 0, 0, 0, 0, 0, 0,             /* 2: double 0.25 */
      0,
  };
  const uint8_t *calls = t.calls.bytes;
  const size_t set = 4 + (size_t)tb_thrift_load_i32(calls);
  CHECK(memcmp(calls + set, STEP, sizeof STEP) == 0);
  size_t n = 0;
  for (size_t at = 0; at < t.calls.size; at += 4 + (size_t)tb_thrift_load_i32(calls + at)) n++;
  CHECK(n == 4);
  tb_packer_destroy(&request);
  tb_translator_destroy(&t);
}

static void names_the_instance_of_fmu_proxy(void) {
  tb_translator t;
  tb_packer request = {0};
  tb_translator_init(&t, TB_FMU_PROXY, TB_FMI2);
  t.id = malloc(2);
  strcpy(t.id, "x");
  tb_pack_command(&request, TB_DO_STEP, 0, 0, 0);
  tb_pack_double(&request, 1);
  tb_pack_double(&request, 0.25);
  CHECK(tb_translate(&t, request.bytes, request.size));
  static const uint8_t STEP[] = {
      0, 0, 0, 36, 0x80, 1, 0, 1, 0, 0, 0, 4, 's', 't', 'e', 'p', 0, 0, 0, 1,
      11, 0, 1, 0, 0, 0, 1, 'x',             /* 1: the instance */
      4, 0, 2, 0x3f, 0xd0, 0, 0, 0, 0, 0, 0, /* 2: the size; it has a time of its own */
      0,
  };
  CHECK(t.calls.size == sizeof STEP && memcmp(t.calls.bytes, STEP, sizeof STEP) == 0);
  tb_packer_destroy(&request);
  tb_translator_destroy(&t);
}

static tb_answer head_of(tb_unpacker *answer) {
  tb_answer head;
  CHECK(tb_unpack_into(answer, &head, sizeof head));
  return head;
}

static int32_t status_of(tb_unpacker *answer) {
  tb_result result;
  CHECK(tb_unpack_into(answer, &result, sizeof result));
  return result.status;
}

static void comes_back_as_an_answer(void) {
  tb_translator t;
  tb_packer request = {0};
  replies r = {0};
  tb_translator_init(&t, TB_PROXYFMU, TB_FMI2);
  pack_step(&request);
  for (int32_t round = 0; round < 3; round++) {
    CHECK(tb_translate(&t, request.bytes, request.size));
    reply_to_step(&r, 1 + 4 * round, 0);
    CHECK(!tb_is_translated(&t));
    CHECK(give(&t, &r) && tb_is_translated(&t));
    tb_unpacker answer = {t.answer.bytes, t.answer.size, false};
    const tb_answer head = head_of(&answer);
    CHECK(head.carried_out == 4 && !head.has_function);
    CHECK(status_of(&answer) == 0 && status_of(&answer) == 0);
    tb_step_answer step;
    CHECK(tb_unpack_into(&answer, &step, sizeof step) && step.reached == 1.25);
    double reals[2];
    CHECK(status_of(&answer) == 0 && tb_unpack_into(&answer, reals, sizeof reals));
    CHECK(reals[0] == REALS[0] && reals[1] == REALS[1]);
    CHECK(status_of(&answer) == 0 && strcmp(tb_unpack_text(&answer), "gr\xc3\xbcn") == 0);
    CHECK(answer.left == 0 && !answer.failed);
  }
  /* What comes behind a call that failed is no part of the answer, but is waited for. */
  CHECK(tb_translate(&t, request.bytes, request.size));
  reply_to_step(&r, 13, 3);
  CHECK(give(&t, &r) && tb_is_translated(&t));
  tb_unpacker answer = {t.answer.bytes, t.answer.size, false};
  const tb_answer head = head_of(&answer);
  CHECK(head.carried_out == 1 && head.has_function && status_of(&answer) == 3);
  CHECK(answer.left == TB_DOING_BYTES && strcmp((const char *)answer.at, "fmi2SetReal") == 0);
  tb_thrift_writer_destroy(&r.bytes);
  tb_packer_destroy(&request);
  tb_translator_destroy(&t);
}

static void garble(replies *r) {
  const uint32_t kind = random_number() % 4;
  const size_t at = random_number() % r->bytes.size;
  if (kind == 0) r->bytes.bytes[at] = (uint8_t)random_number();
  else if (kind == 1) r->bytes.bytes[at] ^= (uint8_t)(1u << random_number() % 8);
  else if (kind == 2) r->n = 1 + random_number() % r->n;
  else
    for (size_t k = at; k < r->bytes.size; k++) r->bytes.bytes[k] = (uint8_t)random_number();
}

static void survives_garbled_replies(void) {
  tb_packer request = {0};
  replies r = {0};
  pack_step(&request);
  uint32_t understood = 0;
  for (uint32_t round = 0; round < GARBLED_ROUNDS; round++) {
    tb_translator t;
    tb_translator_init(&t, TB_PROXYFMU, TB_FMI2);
    CHECK(tb_translate(&t, request.bytes, request.size));
    reply_to_step(&r, 1, 0);
    garble(&r);
    understood += give(&t, &r) && tb_is_translated(&t);
    tb_translator_destroy(&t);
  }
  printf("%" PRIu32 " of %d garbled answers were understood\n", understood, GARBLED_ROUNDS);
  CHECK(understood > 0 && understood < GARBLED_ROUNDS);
  tb_thrift_writer_destroy(&r.bytes);
  tb_packer_destroy(&request);
}

int main(void) {
  goes_out_in_one_flight();
  names_the_instance_of_fmu_proxy();
  comes_back_as_an_answer();
  survives_garbled_replies();
  return 0;
}
