/*
 * Connections: many begun at once, bytes both ways however large, deadlines that hold, ends that are told apart.
 * To be run under ThreadSanitizer and AddressSanitizer as well as plain.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/platform/socket.h"
#include "check.h"

enum { CONNECTIONS = 20, LARGE = 8 * 1024 * 1024 };

static const int64_t SECOND_NS = 1000000000;

static int64_t in(double seconds) { return tb_monotonic_ns() + (int64_t)(seconds * 1e9); }

/* What came goes back, until the other side ends the connection. */
static void echo(void *data) {
  const tb_socket socket = *(tb_socket *)data;
  static _Thread_local uint8_t bytes[65536];
  size_t got;
  while (tb_socket_receive(socket, bytes, sizeof bytes, &got, INT64_MAX) == TB_IO_DONE)
    if (tb_socket_send(socket, bytes, got, INT64_MAX) != TB_IO_DONE) break;
  tb_socket_close(socket);
}

static void check_many(const char *address) {
  tb_socket listener, accepted[CONNECTIONS], connected[CONNECTIONS];
  tb_connecting connecting[CONNECTIONS];
  tb_thread *threads[CONNECTIONS];
  uint16_t port = 0;
  char error[256];
  CHECK(tb_socket_listen(address, 0, &listener, &port, error, sizeof error) && port != 0);
  for (int k = 0; k < CONNECTIONS; k++) CHECK(tb_connect_begin(&connecting[k], address, port, error, sizeof error));
  for (int k = 0; k < CONNECTIONS; k++) {
    CHECK(tb_connect_finish(&connecting[k], in(10), &connected[k], error, sizeof error) == TB_IO_DONE);
    CHECK(tb_socket_accept(listener, in(10), &accepted[k]) == TB_IO_DONE);
    tb_address peer;
    char text[TB_ADDRESS_TEXT];
    CHECK(tb_socket_peer(accepted[k], &peer, text) && strchr(text, ':') != NULL);
    threads[k] = tb_thread_start(echo, &accepted[k]);
  }
  for (int k = 0; k < CONNECTIONS; k++) {
    char came[16];
    size_t got = 0, n = 0;
    CHECK(tb_socket_send(connected[k], "hello", 5, in(10)) == TB_IO_DONE);
    for (; got < 5; got += n) CHECK(tb_socket_receive(connected[k], came + got, 5 - got, &n, in(10)) == TB_IO_DONE);
    CHECK(memcmp(came, "hello", 5) == 0);
  }

  /* More than all buffers hold, both ways at once. */
  uint8_t *large = malloc(LARGE), *back = malloc(LARGE);
  for (size_t k = 0; k < LARGE; k++) large[k] = (uint8_t)(k * 31 >> 3);
  size_t sent = 0, got = 0;
  while (got < LARGE) {
    size_t n;
    bool receive = true, send = sent < LARGE;
    CHECK(tb_socket_wait(connected[0], &receive, &send, in(20)) == TB_IO_DONE);
    if (send) {
      CHECK(tb_socket_try_send(connected[0], large + sent, LARGE - sent, &n) == TB_IO_DONE);
      sent += n;
    }
    if (receive) {
      CHECK(tb_socket_try_receive(connected[0], back + got, LARGE - got, &n) == TB_IO_DONE);
      got += n;
    }
  }
  CHECK(memcmp(large, back, LARGE) == 0);
  free(back);

  for (int k = 0; k < CONNECTIONS; k++) {
    tb_socket_hang_up(connected[k]);
    tb_thread_join(threads[k]);
    tb_socket_close(connected[k]);
  }

  /* Nobody reads: the deadline ends it. */
  tb_connecting one;
  tb_socket silent, other;
  CHECK(tb_connect_begin(&one, address, port, error, sizeof error));
  CHECK(tb_connect_finish(&one, in(10), &silent, error, sizeof error) == TB_IO_DONE);
  CHECK(tb_socket_accept(listener, in(10), &other) == TB_IO_DONE);
  int64_t before = tb_monotonic_ns();
  char byte;
  size_t n;
  CHECK(tb_socket_receive(silent, &byte, 1, &n, in(0.1)) == TB_IO_LATE && n == 0);
  CHECK(tb_monotonic_ns() - before >= SECOND_NS / 10 && tb_monotonic_ns() - before < 5 * SECOND_NS);
  tb_io went = TB_IO_DONE;
  for (int k = 0; k < 20 && went == TB_IO_DONE; k++) went = tb_socket_send(silent, large, LARGE, in(0.1));
  CHECK(went == TB_IO_LATE);
  CHECK(tb_socket_accept(listener, in(0.05), &accepted[0]) == TB_IO_LATE);

  /* It is gone: to send is an error, and no signal. */
  tb_socket_close(other);
  for (int k = 0; k < 100 && went != TB_IO_BROKEN; k++) went = tb_socket_send(silent, large, LARGE, in(1));
  CHECK(went == TB_IO_BROKEN);
  tb_socket_why(error, sizeof error);
  CHECK(strlen(error) > 0);
  tb_socket_close(silent);

  /* In order. */
  CHECK(tb_connect_begin(&one, address, port, error, sizeof error));
  CHECK(tb_connect_finish(&one, in(10), &silent, error, sizeof error) == TB_IO_DONE);
  CHECK(tb_socket_accept(listener, in(10), &other) == TB_IO_DONE);
  tb_socket_close(other);
  CHECK(tb_socket_receive(silent, &byte, 1, &n, in(10)) == TB_IO_ENDED);
  tb_socket_close(silent);

  tb_socket_close(listener);
  CHECK(!tb_connect_begin(&one, address, port, error, sizeof error) ||
        tb_connect_finish(&one, in(10), &silent, error, sizeof error) == TB_IO_BROKEN);
  CHECK(strstr(error, address) != NULL && strstr(error, "refused") != NULL);
  free(large);
}

static void check_addresses(void) {
  tb_address address;
  bool is_v4;
  CHECK(tb_address_read("10.1.2.3", &address, &is_v4) && is_v4 && address.bytes[11] == 0xff && address.bytes[15] == 3);
  CHECK(tb_address_read("2001:db8::5", &address, &is_v4) && !is_v4 && address.bytes[0] == 0x20 && address.bytes[15] == 5);
  CHECK(!tb_address_read("localhost", &address, &is_v4) && !tb_address_read("10.1.2", &address, &is_v4));
  char error[256];
  tb_connecting one;
  CHECK(!tb_connect_begin(&one, "no-such-host.invalid", 9, error, sizeof error) && strstr(error, "no-such-host") != NULL);
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  check_many("127.0.0.1");
  check_many("localhost");
  tb_socket probe;
  uint16_t port;
  char error[256];
  if (tb_socket_listen("::1", 0, &probe, &port, error, sizeof error)) { /* not every machine has IPv6 */
    tb_socket_close(probe);
    check_many("::1");
  }
  check_addresses();
  puts("sockets: ok");
  return 0;
}
