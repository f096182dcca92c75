/*
 * TCP connections with deadlines: what remote FMUs are served and used over. socket_posix.c has it for Linux and macOS,
 * socket_windows.c for Windows.
 *
 * All of them wait for nothing (TCP_NODELAY), are asked for signs of life when they are silent (keep-alive), are not
 * inherited by programs that an FMU starts, and never raise SIGPIPE. Deadlines are of tb_monotonic_ns; INT64_MAX: none.
 */
#ifndef TB_SOCKET_H
#define TB_SOCKET_H

#include "platform.h"

typedef tb_handle tb_socket; /* TB_NO_HANDLE: none */

enum {
  TB_ADDRESS_TEXT = 64,      /* "[2001:db8::1]:65535" */
  /* A far side that is gone without a word is noticed after some 25 s of silence, or 60 s if something was sent to it. */
  TB_KEEP_ALIVE_IDLE_S = 10,
  TB_KEEP_ALIVE_EVERY_S = 5,
  TB_KEEP_ALIVE_TIMES = 3,
  TB_UNACKNOWLEDGED_MS = 60000,
};

typedef enum {
  TB_IO_DONE,
  TB_IO_LATE,   /* the deadline has passed */
  TB_IO_ENDED,  /* the other side has closed the connection in order */
  TB_IO_BROKEN, /* anything else: tb_socket_why tells */
} tb_io;

/* Why the function that was called last in this thread failed, in words: "connection refused". */
void tb_socket_why(char *text, size_t size);
void tb_socket_close(tb_socket socket);

/* -- Listening --------------------------------------------------------------------------------------------------------------- */

/*
 * `address`: a number or a name; "0.0.0.0": all of IPv4, "::": all. `port` 0: any; `bound` receives which. false: why is in
 * `error`.
 */
bool tb_socket_listen(const char *address, uint16_t port, tb_socket *listener, uint16_t *bound, char *error,
                      size_t error_size);
/* TB_IO_DONE, TB_IO_LATE, TB_IO_BROKEN. */
tb_io tb_socket_accept(tb_socket listener, int64_t deadline_ns, tb_socket *connection);

/* -- Connecting: begun for many at once, finished one by one ------------------------------------------------------------------ */

typedef struct {
  void *addresses; /* of the name, in the order they are tried */
  const void *next;
  unsigned n_left;
  tb_socket socket; /* connecting; TB_NO_HANDLE: not */
  int64_t began_ns;
  char host[256];
  uint16_t port;
} tb_connecting;

/* Looks the name up (a name that no file of this machine knows may take the resolver its time) and begins. */
bool tb_connect_begin(tb_connecting *connecting, const char *host, uint16_t port, char *error, size_t error_size);
/* Connected, TB_IO_LATE or TB_IO_BROKEN, and then why is in `error`. In any case `connecting` is done with. */
tb_io tb_connect_finish(tb_connecting *connecting, int64_t deadline_ns, tb_socket *connection, char *error,
                        size_t error_size);
/* Instead of finishing. */
void tb_connect_cancel(tb_connecting *connecting);

/* -- Sending and receiving ------------------------------------------------------------------------------------------------------- */

/* All of it. */
tb_io tb_socket_send(tb_socket socket, const void *bytes, size_t size, int64_t deadline_ns);
/* What has come, at least a byte: `got` of them. */
tb_io tb_socket_receive(tb_socket socket, void *bytes, size_t room, size_t *got, int64_t deadline_ns);

/* As much as goes without waiting, maybe nothing: for who sends and receives at the same time. */
tb_io tb_socket_try_send(tb_socket socket, const void *bytes, size_t size, size_t *sent);
tb_io tb_socket_try_receive(tb_socket socket, void *bytes, size_t room, size_t *got);
/* Until one of what is wanted (true) can be done without waiting, or the connection has ended: which. */
tb_io tb_socket_wait(tb_socket socket, bool *receive, bool *send, int64_t deadline_ns);
/* Has whoever waits in another thread for this connection be told of its end. */
void tb_socket_hang_up(tb_socket socket);
/* Sleeps until the other side sends nothing more, whatever of it has not been received yet. */
void tb_socket_await_end(tb_socket socket);

/* -- Addresses ------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  uint8_t bytes[16]; /* IPv6; IPv4 as ::ffff:a.b.c.d */
} tb_address;

/* The other side's, and as text: "127.0.0.1:41234", "[::1]:41234". */
bool tb_socket_peer(tb_socket socket, tb_address *address, char text[TB_ADDRESS_TEXT]);
/* Of a number, not of a name. `is_v4`: how it was written. */
bool tb_address_read(const char *text, tb_address *address, bool *is_v4);

#endif
