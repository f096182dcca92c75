/* Linux and macOS. */
#if !defined(_WIN32)
#define _GNU_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif
#include "posix.h"
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#if defined(__APPLE__)
#include <sys/event.h>
#endif
#include <time.h>
#include <unistd.h>

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE does it */
#endif

void tb_socket_why(char *text, size_t size) { snprintf(text, size, "%s", strerror(errno)); }

/* Keeps the reason. */
void tb_socket_close(tb_socket socket) {
  const int why = errno;
  if (socket != TB_NO_HANDLE) close((int)socket);
  errno = why;
}

/* -- Waiting ----------------------------------------------------------------------------------------------------------------- */

tb_io tb_socket_wait(tb_socket socket, bool *receive, bool *send, int64_t deadline_ns) {
  short got = 0;
  const short wanted = (short)((*receive ? POLLIN : 0) | (*send ? POLLOUT : 0));
  const int n = tb_poll_until((int)socket, wanted, deadline_ns, &got);
  const bool ended = (got & (POLLERR | POLLHUP | POLLNVAL)) != 0; /* the next call tells how */
  *receive = n > 0 && *receive && (ended || (got & POLLIN));
  *send = n > 0 && *send && (ended || (got & POLLOUT));
  return n > 0 ? TB_IO_DONE : n == 0 ? TB_IO_LATE : TB_IO_BROKEN;
}

/* -- Sockets --------------------------------------------------------------------------------------------------------------- */

static int open_socket(int family) {
#if defined(__linux__)
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
#else
  const int fd = socket(family, SOCK_STREAM, 0);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
#endif
}

static void set_blocking(int fd, bool blocks) {
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void set_option(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

/* They block; who has a deadline asks with MSG_DONTWAIT: so who has none waits in one call. */
static void prepare_connection(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined(TCP_KEEPIDLE)
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, TB_KEEP_ALIVE_IDLE_S);
#elif defined(TCP_KEEPALIVE)
  set_option(fd, IPPROTO_TCP, TCP_KEEPALIVE, TB_KEEP_ALIVE_IDLE_S);
#endif
#if defined(TCP_KEEPINTVL)
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, TB_KEEP_ALIVE_EVERY_S);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, TB_KEEP_ALIVE_TIMES);
#endif
#if defined(TCP_USER_TIMEOUT)
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TB_UNACKNOWLEDGED_MS);
#endif
#if defined(SO_NOSIGPIPE)
  set_option(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
  set_blocking(fd, true);
}

static struct addrinfo *look_up(const char *host, uint16_t port, int flags, char *error, size_t error_size) {
  char service[8];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  const struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  const int failed = getaddrinfo(host, service, &hints, &found);
  if (failed == 0 && found != NULL) return found;
  snprintf(error, error_size, "there is no address of '%s': %s", host,
           failed == EAI_SYSTEM ? strerror(errno) : gai_strerror(failed));
  return NULL;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
  return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                              : ((const struct sockaddr_in *)address)->sin_port);
}

/* -- Listening --------------------------------------------------------------------------------------------------------------- */

static int listen_at(const struct addrinfo *at) {
  const int fd = open_socket(at->ai_family);
  if (fd < 0) return -1;
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (at->ai_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
    set_blocking(fd, false); /* a connection that is gone again before it is accepted */
    return fd;
  }
  tb_socket_close(fd);
  return -1;
}

bool tb_socket_listen(const char *address, uint16_t port, tb_socket *listener, uint16_t *bound, char *error,
                      size_t error_size) {
  struct addrinfo *found = look_up(address, port, AI_PASSIVE, error, error_size);
  if (found == NULL) return false;
  int fd = -1;
  for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) fd = listen_at(at);
  if (fd < 0) snprintf(error, error_size, "cannot listen at %s, port %u: %s", address, (unsigned)port, strerror(errno));
  freeaddrinfo(found);
  if (fd < 0) return false;
  struct sockaddr_storage own = {0};
  socklen_t size = sizeof own;
  getsockname(fd, (struct sockaddr *)&own, &size);
  *listener = fd;
  *bound = port_of(&own);
  return true;
}

tb_io tb_socket_accept(tb_socket listener, int64_t deadline_ns, tb_socket *connection) {
  for (;;) {
    short got;
    const int n = tb_poll_until((int)listener, POLLIN, deadline_ns, &got);
    if (n <= 0) return n == 0 ? TB_IO_LATE : TB_IO_BROKEN;
#if defined(__linux__)
    const int fd = accept4((int)listener, NULL, NULL, SOCK_CLOEXEC);
#else
    const int fd = accept((int)listener, NULL, NULL);
    if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
    if (fd >= 0) {
      prepare_connection(fd);
      *connection = fd;
      return TB_IO_DONE;
    }
    /* accept(2): errors of a network that is gone again come here. */
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK || errno == EMFILE || errno == ENFILE) return TB_IO_BROKEN;
  }
}

/* -- Connecting -------------------------------------------------------------------------------------------------------------- */

/* The next address that does not refuse at once; false: there is none. */
static bool try_next(tb_connecting *c) {
  while (c->next != NULL) {
    const struct addrinfo *at = c->next;
    c->next = at->ai_next;
    c->n_left--;
    const int fd = open_socket(at->ai_family);
    if (fd < 0) continue;
    set_blocking(fd, false);
    if (connect(fd, at->ai_addr, at->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR) {
      c->socket = fd;
      return true;
    }
    tb_socket_close(fd);
  }
  return false;
}

static void refused(const tb_connecting *c, char *error, size_t error_size) {
  snprintf(error, error_size, "cannot connect to %s, port %u: %s", c->host, (unsigned)c->port, strerror(errno));
}

bool tb_connect_begin(tb_connecting *c, const char *host, uint16_t port, char *error, size_t error_size) {
  *c = (tb_connecting){.socket = TB_NO_HANDLE, .port = port, .began_ns = tb_monotonic_ns()};
  snprintf(c->host, sizeof c->host, "%s", host);
  struct addrinfo *found = look_up(host, port, 0, error, error_size);
  if (found == NULL) return false;
  c->addresses = found;
  c->next = found;
  for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) c->n_left++;
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

tb_io tb_connect_finish(tb_connecting *c, int64_t deadline_ns, tb_socket *connection, char *error, size_t error_size) {
  while (c->socket != TB_NO_HANDLE) {
    short got;
    const int n = tb_poll_until((int)c->socket, POLLOUT, turn_of(c, deadline_ns), &got);
    int why = n < 0 ? errno : ETIMEDOUT;
    socklen_t size = sizeof why;
    if (n > 0) getsockopt((int)c->socket, SOL_SOCKET, SO_ERROR, &why, &size);
    if (n > 0 && why == 0) {
      *connection = c->socket;
      prepare_connection((int)c->socket);
      c->socket = TB_NO_HANDLE;
      tb_connect_cancel(c);
      return TB_IO_DONE;
    }
    close((int)c->socket);
    c->socket = TB_NO_HANDLE;
    errno = why;
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

static bool would_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

static tb_io send_some(tb_socket socket, const void *bytes, size_t size, int flags, size_t *sent) {
  *sent = 0;
  for (;;) {
    const ssize_t n = send((int)socket, bytes, size, MSG_NOSIGNAL | flags);
    if (n >= 0) *sent = (size_t)n;
    else if (errno == EINTR) continue;
    else if (!would_wait()) return TB_IO_BROKEN;
    return TB_IO_DONE;
  }
}

static tb_io receive_some(tb_socket socket, void *bytes, size_t room, int flags, size_t *got) {
  *got = 0;
  for (;;) {
    const ssize_t n = recv((int)socket, bytes, room, flags);
    if (n > 0) *got = (size_t)n;
    else if (n == 0) return TB_IO_ENDED;
    else if (errno == EINTR) continue;
    else if (!would_wait()) return TB_IO_BROKEN;
    return TB_IO_DONE;
  }
}

tb_io tb_socket_try_send(tb_socket socket, const void *bytes, size_t size, size_t *sent) {
  return send_some(socket, bytes, size, MSG_DONTWAIT, sent);
}

tb_io tb_socket_try_receive(tb_socket socket, void *bytes, size_t room, size_t *got) {
  return receive_some(socket, bytes, room, MSG_DONTWAIT, got);
}

tb_io tb_socket_send(tb_socket socket, const void *bytes, size_t size, int64_t deadline_ns) {
  const uint8_t *at = bytes;
  const int flags = deadline_ns == INT64_MAX ? 0 : MSG_DONTWAIT;
  while (size > 0) {
    size_t sent;
    tb_io went = send_some(socket, at, size, flags, &sent);
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
    if (deadline_ns != INT64_MAX) {
      bool receive = true, send = false;
      const tb_io waited = tb_socket_wait(socket, &receive, &send, deadline_ns);
      if (waited != TB_IO_DONE) return waited;
    }
    const tb_io came = receive_some(socket, bytes, room, deadline_ns == INT64_MAX ? 0 : MSG_DONTWAIT, got);
    if (came != TB_IO_DONE || *got > 0) return came;
  }
}

void tb_socket_hang_up(tb_socket socket) { shutdown((int)socket, SHUT_RDWR); }

#if defined(__APPLE__)
void tb_socket_await_end(tb_socket socket) {
  const int queue = kqueue();
  struct kevent wanted, event = {0};
  EV_SET(&wanted, (int)socket, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
  int known = queue < 0 ? -1 : kevent(queue, &wanted, 1, NULL, 0, NULL);
  while (known >= 0 && !(event.flags & (EV_EOF | EV_ERROR))) {
    known = kevent(queue, NULL, 0, &event, 1, NULL);
    if (known < 0 && errno == EINTR) known = 0;
  }
  if (queue >= 0) close(queue);
}
#else
void tb_socket_await_end(tb_socket socket) {
  short got;
  while (tb_poll_until((int)socket, POLLRDHUP, INT64_MAX, &got) > 0 && !(got & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))) continue;
}
#endif

/* -- Addresses ------------------------------------------------------------------------------------------------------------------ */

static const uint8_t V4_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void of_v4(const struct in_addr *v4, tb_address *address) {
  memcpy(address->bytes, V4_PREFIX, sizeof V4_PREFIX);
  memcpy(address->bytes + sizeof V4_PREFIX, v4, 4);
}

bool tb_socket_peer(tb_socket socket, tb_address *address, char text[TB_ADDRESS_TEXT]) {
  struct sockaddr_storage peer = {0};
  socklen_t size = sizeof peer;
  char number[INET6_ADDRSTRLEN] = "";
  if (getpeername((int)socket, (struct sockaddr *)&peer, &size) != 0) return false;
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
