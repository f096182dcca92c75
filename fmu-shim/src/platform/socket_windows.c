/* Windows. */
#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif
#include "socket.h"

#include <winsock2.h>
/* after winsock2.h */
#include <mstcpip.h>
#include <windows.h>
#include <ws2tcpip.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

void tb_socket_why(char *text, size_t size) {
  const int code = WSAGetLastError();
  WCHAR wide[256];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, (DWORD)code, 0, wide,
                                sizeof wide / sizeof *wide, NULL);
  while (length > 0 && (wide[length - 1] == L'\n' || wide[length - 1] == L'\r' || wide[length - 1] == L'.'))
    wide[--length] = L'\0';
  if (length == 0 || WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)size, NULL, NULL) == 0)
    snprintf(text, size, "error %d", code);
}

static SOCKET of(tb_socket socket) { return (SOCKET)socket; }

/* Keeps the reason. */
void tb_socket_close(tb_socket socket) {
  const int why = WSAGetLastError();
  if (socket != TB_NO_HANDLE) closesocket(of(socket));
  WSASetLastError(why);
}

static bool start_winsock(void) {
  static _Atomic bool started;
  WSADATA data;
  if (atomic_load(&started)) return true;
  if (WSAStartup(MAKEWORD(2, 2), &data) != 0) return false;
  atomic_store(&started, true); /* a second time does no harm */
  return true;
}

/* -- Waiting ----------------------------------------------------------------------------------------------------------------- */

static int wait_for(SOCKET socket, short events, int64_t deadline_ns, short *got) {
  for (;;) {
    const int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - tb_monotonic_ns();
    const int64_t ms = left <= 0 ? 0 : left / 1000000 + (left % 1000000 != 0);
    WSAPOLLFD one = {.fd = socket, .events = events};
    const int n = WSAPoll(&one, 1, deadline_ns == INT64_MAX ? -1 : ms > 1000000 ? 1000000 : (int)ms);
    if (n == 0 && ms > 1000000) continue;
    *got = one.revents;
    return n;
  }
}

tb_io tb_socket_wait(tb_socket socket, bool *receive, bool *send, int64_t deadline_ns) {
  short got = 0;
  const short wanted = (short)((*receive ? POLLRDNORM : 0) | (*send ? POLLWRNORM : 0));
  const int n = wait_for(of(socket), wanted, deadline_ns, &got);
  const bool ended = (got & (POLLERR | POLLHUP | POLLNVAL)) != 0; /* the next call tells how */
  *receive = n > 0 && *receive && (ended || (got & POLLRDNORM));
  *send = n > 0 && *send && (ended || (got & POLLWRNORM));
  return n > 0 ? TB_IO_DONE : n == 0 ? TB_IO_LATE : TB_IO_BROKEN;
}

/* -- Sockets ----------------------------------------------------------------------------------------------------------------- */

static SOCKET open_socket(int family) {
  return WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

/* No socket blocks here: who waits does so in WSAPoll. */
static void set_waiting_for_nothing(SOCKET socket) {
  u_long on = 1;
  ioctlsocket(socket, (long)FIONBIO, &on);
}

static void set_option(SOCKET socket, int level, int option, DWORD value) {
  setsockopt(socket, level, option, (const char *)&value, sizeof value);
}

static void prepare_connection(SOCKET socket) {
  struct tcp_keepalive alive = {1, TB_KEEP_ALIVE_IDLE_S * 1000, TB_KEEP_ALIVE_EVERY_S * 1000};
  DWORD ignored;
  set_waiting_for_nothing(socket);
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  WSAIoctl(socket, SIO_KEEPALIVE_VALS, &alive, sizeof alive, NULL, 0, &ignored, NULL, NULL);
  SetHandleInformation((HANDLE)socket, HANDLE_FLAG_INHERIT, 0);
}

static ADDRINFOA *look_up(const char *host, uint16_t port, int flags, char *error, size_t error_size) {
  char service[8], why[256];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  const ADDRINFOA hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
  ADDRINFOA *found = NULL;
  const int failed = start_winsock() ? getaddrinfo(host, service, &hints, &found) : WSASYSNOTREADY;
  if (failed == 0 && found != NULL) return found;
  WSASetLastError(failed);
  tb_socket_why(why, sizeof why);
  snprintf(error, error_size, "there is no address of '%s': %s", host, why);
  return NULL;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
  return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                              : ((const struct sockaddr_in *)address)->sin_port);
}

/* -- Listening --------------------------------------------------------------------------------------------------------------- */

static SOCKET listen_at(const ADDRINFOA *at) {
  const SOCKET socket = open_socket(at->ai_family);
  if (socket == INVALID_SOCKET) return INVALID_SOCKET;
  set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
  if (at->ai_family == AF_INET6) set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(socket, at->ai_addr, (int)at->ai_addrlen) == 0 && listen(socket, SOMAXCONN) == 0) {
    set_waiting_for_nothing(socket);
    return socket;
  }
  tb_socket_close((tb_socket)socket);
  return INVALID_SOCKET;
}

bool tb_socket_listen(const char *address, uint16_t port, tb_socket *listener, uint16_t *bound, char *error,
                      size_t error_size) {
  ADDRINFOA *found = look_up(address, port, AI_PASSIVE, error, error_size);
  if (found == NULL) return false;
  SOCKET socket = INVALID_SOCKET;
  for (const ADDRINFOA *at = found; at != NULL && socket == INVALID_SOCKET; at = at->ai_next) socket = listen_at(at);
  if (socket == INVALID_SOCKET) {
    char why[256];
    tb_socket_why(why, sizeof why);
    snprintf(error, error_size, "cannot listen at %s, port %u: %s", address, (unsigned)port, why);
  }
  freeaddrinfo(found);
  if (socket == INVALID_SOCKET) return false;
  struct sockaddr_storage own = {0};
  int size = sizeof own;
  getsockname(socket, (struct sockaddr *)&own, &size);
  *listener = (tb_socket)socket;
  *bound = port_of(&own);
  return true;
}

tb_io tb_socket_accept(tb_socket listener, int64_t deadline_ns, tb_socket *connection) {
  for (;;) {
    short got;
    const int n = wait_for(of(listener), POLLRDNORM, deadline_ns, &got);
    if (n <= 0) return n == 0 ? TB_IO_LATE : TB_IO_BROKEN;
    const SOCKET socket = accept(of(listener), NULL, NULL);
    if (socket != INVALID_SOCKET) {
      prepare_connection(socket);
      *connection = (tb_socket)socket;
      return TB_IO_DONE;
    }
    const int why = WSAGetLastError();
    if (why != WSAEWOULDBLOCK && why != WSAECONNRESET) return TB_IO_BROKEN;
  }
}

/* -- Connecting -------------------------------------------------------------------------------------------------------------- */

static bool try_next(tb_connecting *c) {
  while (c->next != NULL) {
    const ADDRINFOA *at = c->next;
    c->next = at->ai_next;
    c->n_left--;
    const SOCKET socket = open_socket(at->ai_family);
    if (socket == INVALID_SOCKET) continue;
    set_waiting_for_nothing(socket);
    if (connect(socket, at->ai_addr, (int)at->ai_addrlen) == 0 || WSAGetLastError() == WSAEWOULDBLOCK) {
      c->socket = (tb_socket)socket;
      return true;
    }
    tb_socket_close((tb_socket)socket);
  }
  return false;
}

static void refused(const tb_connecting *c, char *error, size_t error_size) {
  char why[256];
  tb_socket_why(why, sizeof why);
  snprintf(error, error_size, "cannot connect to %s, port %u: %s", c->host, (unsigned)c->port, why);
}

bool tb_connect_begin(tb_connecting *c, const char *host, uint16_t port, char *error, size_t error_size) {
  *c = (tb_connecting){.socket = TB_NO_HANDLE, .port = port, .began_ns = tb_monotonic_ns()};
  snprintf(c->host, sizeof c->host, "%s", host);
  ADDRINFOA *found = look_up(host, port, 0, error, error_size);
  if (found == NULL) return false;
  c->addresses = found;
  c->next = found;
  for (const ADDRINFOA *at = found; at != NULL; at = at->ai_next) c->n_left++;
  if (try_next(c)) return true;
  refused(c, error, error_size);
  tb_connect_cancel(c);
  return false;
}

/* Each address gets its part of the time that is left: one that does not answer must not use it up. */
static int64_t turn_of(const tb_connecting *c, int64_t deadline_ns) {
  if (c->n_left == 0) return deadline_ns;
  const int64_t now = tb_monotonic_ns();
  const int64_t longest = INT64_C(5000000000);
  if (deadline_ns == INT64_MAX) return now + longest;
  const int64_t part = (deadline_ns - now) / (int64_t)(c->n_left + 1);
  return now + (part < longest ? part : longest);
}

/* By select: before Windows 10, version 2004, WSAPoll tells nothing of a connection that is refused. */
static int wait_for_connection(SOCKET socket, int64_t deadline_ns) {
  for (;;) {
    int64_t left = deadline_ns == INT64_MAX ? INT64_C(1000000000) : deadline_ns - tb_monotonic_ns();
    if (left < 0) left = 0;
    fd_set made, failed;
    FD_ZERO(&made);
    FD_ZERO(&failed);
    FD_SET(socket, &made);
    FD_SET(socket, &failed);
    const struct timeval t = {(long)(left / 1000000000), (long)(left % 1000000000 / 1000)};
    const int n = select(0, NULL, &made, &failed, &t);
    if (n == 0 && deadline_ns == INT64_MAX) continue;
    return n;
  }
}

tb_io tb_connect_finish(tb_connecting *c, int64_t deadline_ns, tb_socket *connection, char *error, size_t error_size) {
  while (c->socket != TB_NO_HANDLE) {
    const int n = wait_for_connection(of(c->socket), turn_of(c, deadline_ns));
    int why = n < 0 ? WSAGetLastError() : WSAETIMEDOUT, size = sizeof why;
    if (n > 0) getsockopt(of(c->socket), SOL_SOCKET, SO_ERROR, (char *)&why, &size);
    if (n > 0 && why == 0) {
      *connection = c->socket;
      prepare_connection(of(c->socket));
      c->socket = TB_NO_HANDLE;
      tb_connect_cancel(c);
      return TB_IO_DONE;
    }
    closesocket(of(c->socket));
    c->socket = TB_NO_HANDLE;
    WSASetLastError(why);
    if (try_next(c)) continue;
    if (n == 0)
      snprintf(error, error_size, "%s, port %u, did not answer within %.1f s", c->host, (unsigned)c->port,
               (double)(tb_monotonic_ns() - c->began_ns) / 1e9);
    else refused(c, error, error_size);
    tb_connect_cancel(c);
    return n == 0 ? TB_IO_LATE : TB_IO_BROKEN;
  }
  snprintf(error, error_size, "nothing was begun");
  return TB_IO_BROKEN;
}

void tb_connect_cancel(tb_connecting *c) {
  tb_socket_close(c->socket);
  if (c->addresses != NULL) freeaddrinfo(c->addresses);
  c->socket = TB_NO_HANDLE;
  c->addresses = NULL;
  c->next = NULL;
}

/* -- Sending and receiving ------------------------------------------------------------------------------------------------------ */

static int piece_of(size_t size) { return size > (1 << 30) ? 1 << 30 : (int)size; }

tb_io tb_socket_try_send(tb_socket socket, const void *bytes, size_t size, size_t *sent) {
  const int n = send(of(socket), bytes, piece_of(size), 0);
  *sent = n > 0 ? (size_t)n : 0;
  return n >= 0 || WSAGetLastError() == WSAEWOULDBLOCK ? TB_IO_DONE : TB_IO_BROKEN;
}

tb_io tb_socket_try_receive(tb_socket socket, void *bytes, size_t room, size_t *got) {
  const int n = recv(of(socket), bytes, piece_of(room), 0);
  *got = n > 0 ? (size_t)n : 0;
  if (n == 0) return TB_IO_ENDED;
  return n > 0 || WSAGetLastError() == WSAEWOULDBLOCK ? TB_IO_DONE : TB_IO_BROKEN;
}

tb_io tb_socket_send(tb_socket socket, const void *bytes, size_t size, int64_t deadline_ns) {
  const uint8_t *at = bytes;
  while (size > 0) {
    size_t sent;
    tb_io went = tb_socket_try_send(socket, at, size, &sent);
    if (went != TB_IO_DONE) return went;
    at += sent;
    size -= sent;
    if (size == 0 || sent > 0) continue;
    bool receive = false, send = true;
    went = tb_socket_wait(socket, &receive, &send, deadline_ns);
    if (went != TB_IO_DONE) return went;
  }
  return TB_IO_DONE;
}

tb_io tb_socket_receive(tb_socket socket, void *bytes, size_t room, size_t *got, int64_t deadline_ns) {
  *got = 0;
  for (;;) {
    bool receive = true, send = false;
    const tb_io waited = tb_socket_wait(socket, &receive, &send, deadline_ns);
    if (waited != TB_IO_DONE) return waited;
    const tb_io came = tb_socket_try_receive(socket, bytes, room, got);
    if (came != TB_IO_DONE || *got > 0) return came;
  }
}

void tb_socket_hang_up(tb_socket socket) { shutdown(of(socket), SD_BOTH); }

void tb_socket_await_end(tb_socket socket) {
  short got = 0;
  while (wait_for(of(socket), 0, INT64_MAX, &got) > 0 && !(got & (POLLHUP | POLLERR | POLLNVAL))) continue;
}

/* -- Addresses ------------------------------------------------------------------------------------------------------------------ */

static const uint8_t V4_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void of_v4(const struct in_addr *v4, tb_address *address) {
  memcpy(address->bytes, V4_PREFIX, sizeof V4_PREFIX);
  memcpy(address->bytes + sizeof V4_PREFIX, v4, 4);
}

bool tb_socket_peer(tb_socket socket, tb_address *address, char text[TB_ADDRESS_TEXT]) {
  struct sockaddr_storage peer = {0};
  int size = sizeof peer;
  char number[INET6_ADDRSTRLEN] = "";
  if (getpeername(of(socket), (struct sockaddr *)&peer, &size) != 0) return false;
  if (peer.ss_family == AF_INET) of_v4(&((const struct sockaddr_in *)&peer)->sin_addr, address);
  else if (peer.ss_family == AF_INET6) memcpy(address->bytes, &((const struct sockaddr_in6 *)&peer)->sin6_addr, 16);
  else return false;
  const bool is_v4 = memcmp(address->bytes, V4_PREFIX, sizeof V4_PREFIX) == 0;
  inet_ntop(is_v4 ? AF_INET : AF_INET6, address->bytes + (is_v4 ? sizeof V4_PREFIX : 0), number, sizeof number);
  snprintf(text, TB_ADDRESS_TEXT, is_v4 ? "%s:%u" : "[%s]:%u", number, (unsigned)port_of(&peer));
  return true;
}

bool tb_address_read(const char *text, tb_address *address, bool *is_v4) {
  struct in_addr v4;
  *is_v4 = inet_pton(AF_INET, text, &v4) == 1;
  if (*is_v4) of_v4(&v4, address);
  return *is_v4 || inet_pton(AF_INET6, text, address->bytes) == 1;
}
#endif
