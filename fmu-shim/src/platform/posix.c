/* Linux and macOS. */
#if !defined(_WIN32)
#define _GNU_SOURCE
#include "platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#else
#include <link.h>
#endif

extern char **environ;

/* -- Clocks --------------------------------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t tb_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t tb_wall_ns(void) { return clock_ns(CLOCK_REALTIME); }

void tb_sleep_ns(int64_t duration_ns) {
  struct timespec t = {(time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000)};
  nanosleep(&t, NULL);
}

/* -- Shared memory -------------------------------------------------------------------------------------------------- */

static int nameless_memory(void) {
#if defined(__linux__)
  int fd = memfd_create("twinbridge", MFD_CLOEXEC);
  if (fd >= 0 || errno != ENOSYS) return fd;
#endif
  char name[64];
  snprintf(name, sizeof name, "/twinbridge-%ld-%llx", (long)getpid(), (unsigned long long)tb_monotonic_ns());
  int shm = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (shm < 0) return -1;
  shm_unlink(name);
  fcntl(shm, F_SETFD, FD_CLOEXEC);
  return shm;
}

bool tb_shm_create(uint64_t size, tb_handle *handle, void **memory) {
  int fd = nameless_memory();
  if (fd < 0) return false;
  if (ftruncate(fd, (off_t)size) != 0 || (*memory = tb_shm_map(fd, size)) == NULL) {
    close(fd);
    return false;
  }
  *handle = fd;
  return true;
}

#if !defined(MAP_POPULATE)
#define MAP_POPULATE 0
#endif

void *tb_shm_map(tb_handle handle, uint64_t size) {
  /* Populated: a first touch of each page in the middle of a step would cost it a microsecond. */
  void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, (int)handle, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void tb_shm_unmap(void *memory, uint64_t size) { munmap(memory, (size_t)size); }

/* -- Wake-ups: a pipe, whose reading end also tells when the last writer is gone ------------------------------------ */

bool tb_wake_create(tb_handle *wait_end, tb_handle *signal_end) {
  int fds[2];
#if defined(__linux__)
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return false;
#else
  if (pipe(fds) != 0) return false;
  for (int i = 0; i < 2; i++) {
    fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK);
  }
#endif
  *wait_end = fds[0];
  *signal_end = fds[1];
  return true;
}

/* poll until the deadline, through interruptions; 0: it passed. */
static int poll_until(int fd, short events, int64_t deadline_ns, short *got) {
  for (;;) {
    int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - tb_monotonic_ns();
    if (left < 0) left = 0;
    struct pollfd p = {.fd = fd, .events = events};
#if defined(__linux__)
    struct timespec t = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    int n = ppoll(&p, 1, deadline_ns == INT64_MAX ? NULL : &t, NULL);
#else
    int64_t ms = left / 1000000 + (left % 1000000 != 0);
    int n = poll(&p, 1, deadline_ns == INT64_MAX ? -1 : ms > 1000000 ? 1000000 : (int)ms);
    if (n == 0 && ms > 1000000) continue;
#endif
    if (n < 0 && errno == EINTR) continue;
    *got = p.revents;
    return n;
  }
}

tb_wait tb_wake_wait(tb_handle wait_end, int64_t deadline_ns) {
  short got;
  int n = poll_until((int)wait_end, POLLIN, deadline_ns, &got);
  if (n == 0) return TB_DEADLINE_PASSED;
  if (n < 0 || !(got & POLLIN)) return TB_OTHER_SIDE_GONE;
  char bytes[64];
  while (read((int)wait_end, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
  }
  return TB_WOKEN;
}

void tb_wake_signal(tb_handle signal_end) {
  /* A full pipe holds a wake-up already; a broken one has nobody left to wake. */
  ssize_t ignored = write((int)signal_end, "", 1);
  (void)ignored;
}

void tb_handle_close(tb_handle handle) {
  if (handle != TB_NO_HANDLE) close((int)handle);
}

/* -- The backend process -------------------------------------------------------------------------------------------- */

enum { CHILD_CONTROL = 3, CHILD_HANDLES = 4, SAFE_FD = 16 };

/* A pair whose ends lie above the numbers that the child gets, so that no dup2 there overwrites a source. */
static bool socket_pair(int ours_theirs[2]) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return false;
  for (int i = 0; i < 2; i++) {
    ours_theirs[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SAFE_FD);
    close(fds[i]);
  }
  if (ours_theirs[0] >= 0 && ours_theirs[1] >= 0) return true;
  for (int i = 0; i < 2; i++)
    if (ours_theirs[i] >= 0) close(ours_theirs[i]);
  return false;
}

bool tb_process_spawn(tb_process *process, const char *program, const char *script, const char *library, char *error,
                      size_t error_size) {
  int control[2], handles[2];
  if (!socket_pair(control)) {
    snprintf(error, error_size, "cannot create a socket pair: %s", strerror(errno));
    return false;
  }
  if (!socket_pair(handles)) {
    snprintf(error, error_size, "cannot create a socket pair: %s", strerror(errno));
    close(control[0]);
    close(control[1]);
    return false;
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  /* The importer's stdout carries the importer's data: whatever the backend has to say goes to stderr. By way of a copy,
     since an importer may have marked its own descriptor to be closed in children, as Node does. */
  int diagnostics = fcntl(2, F_DUPFD_CLOEXEC, SAFE_FD);
  for (int fd = 1; fd <= 2; fd++) {
    if (diagnostics >= 0)
      posix_spawn_file_actions_adddup2(&actions, diagnostics, fd);
    else
      posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, control[1], CHILD_CONTROL);
  posix_spawn_file_actions_adddup2(&actions, handles[1], CHILD_HANDLES);
  /* A process group of its own: Ctrl-C in the terminal is for the importer, which then ends the backend in order. */
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGTERM);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);

  char *argv[] = {(char *)program, (char *)script, (char *)library, NULL};
  pid_t pid;
  int failed = posix_spawnp(&pid, program, &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(control[1]);
  close(handles[1]);
  if (diagnostics >= 0) close(diagnostics);
  if (failed != 0) {
    snprintf(error, error_size, "cannot start '%s': %s", program, strerror(failed));
    close(control[0]);
    close(handles[0]);
    return false;
  }
  *process = (tb_process){.pid = pid, .process = TB_NO_HANDLE, .control = control[0], .handles = handles[0]};
  return true;
}

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0
#endif

bool tb_process_send(const tb_process *process, const void *bytes, size_t size) {
  const char *at = bytes;
  while (size > 0) {
    ssize_t n = send((int)process->control, at, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}

bool tb_process_receive(const tb_process *process, void *bytes, size_t size, int64_t deadline_ns) {
  char *at = bytes;
  while (size > 0) {
    short got;
    if (poll_until((int)process->control, POLLIN, deadline_ns, &got) <= 0) return false;
    ssize_t n = recv((int)process->control, at, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}

enum { MAX_HANDLES = 4 };

typedef union {
  struct cmsghdr header; /* for its alignment */
  char bytes[CMSG_SPACE(MAX_HANDLES * sizeof(int))];
} rights;

/* One byte of data, which has to go with them, and file descriptors. */
static struct msghdr rights_message(struct iovec *data, rights *control, int count) {
  memset(control, 0, sizeof *control);
  return (struct msghdr){.msg_iov = data,
                         .msg_iovlen = 1,
                         .msg_control = control->bytes,
                         .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
}

bool tb_process_give_handles(const tb_process *process, const tb_handle *handles, int count) {
  int fds[MAX_HANDLES];
  for (int i = 0; i < count; i++) fds[i] = (int)handles[i];
  char byte = 0;
  struct iovec data = {&byte, 1};
  rights control;
  struct msghdr message = rights_message(&data, &control, count);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
  ssize_t n;
  do n = sendmsg((int)process->handles, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == 1;
}

#if !defined(MSG_CMSG_CLOEXEC)
#define MSG_CMSG_CLOEXEC 0
#endif

bool tb_process_take_handles(tb_handle socket, tb_handle *handles, int count) {
  char byte;
  struct iovec data = {&byte, 1};
  rights control;
  struct msghdr message = rights_message(&data, &control, count);
  ssize_t n;
  do n = recvmsg((int)socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  const struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN((size_t)count * sizeof(int)))
    return false;
  int fds[MAX_HANDLES];
  memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
  for (int i = 0; i < count; i++) handles[i] = fds[i];
  return true;
}

void tb_process_wait_end(const tb_process *process) {
  short got;
  do {
    if (poll_until((int)process->handles, 0, INT64_MAX, &got) < 0) return;
  } while (!(got & (POLLHUP | POLLERR | POLLNVAL)));
}

void tb_process_hang_up(const tb_process *process) { shutdown((int)process->control, SHUT_WR); }

void tb_process_kill(const tb_process *process) { kill((pid_t)process->pid, SIGKILL); }

void tb_process_reap(tb_process *process, char *how, size_t how_size) {
  int status;
  pid_t reaped;
  do reaped = waitpid((pid_t)process->pid, &status, 0);
  while (reaped < 0 && errno == EINTR);
  if (reaped < 0)
    snprintf(how, how_size, "is gone"); /* the importer reaps its children itself */
  else if (WIFSIGNALED(status))
    snprintf(how, how_size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    snprintf(how, how_size, "exited with code %d", WEXITSTATUS(status));
}

/* -- Threads and libraries ------------------------------------------------------------------------------------------ */

struct tb_thread {
  pthread_t thread;
  void (*run)(void *);
  void *argument;
};

static void *thread_main(void *data) {
  tb_thread *thread = data;
  thread->run(thread->argument);
  return NULL;
}

tb_thread *tb_thread_start(void (*run)(void *), void *argument) {
  tb_thread *thread = malloc(sizeof *thread);
  if (thread == NULL) return NULL;
  *thread = (tb_thread){.run = run, .argument = argument};
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread->thread, NULL, thread_main, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed == 0) return thread;
  free(thread);
  return NULL;
}

void tb_thread_join(tb_thread *thread) {
  if (thread == NULL) return;
  pthread_join(thread->thread, NULL);
  free(thread);
}

struct tb_mutex {
  pthread_mutex_t mutex;
};

tb_mutex *tb_process_mutex(void) {
  static tb_mutex mutex = {PTHREAD_MUTEX_INITIALIZER};
  return &mutex;
}

void tb_lock(tb_mutex *mutex) { pthread_mutex_lock(&mutex->mutex); }
void tb_unlock(tb_mutex *mutex) { pthread_mutex_unlock(&mutex->mutex); }

int64_t tb_current_process(void) { return getpid(); }

bool tb_own_path(char *path, size_t size) {
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) == 0 || info.dli_fname == NULL || strlen(info.dli_fname) >= size) return false;
  strcpy(path, info.dli_fname);
  return true;
}

typedef struct {
  const char *symbol;
  bool (*visit)(void *, void *);
  void *context;
} visitor;

static bool visit_library(const char *path, const visitor *v) {
  if (path == NULL || *path == '\0') return false;
  void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) return false;
  void *address = dlsym(library, v->symbol);
  /* dlsym also searches what the library depends on: count the symbol where it really stands. */
  Dl_info info;
  bool own = address != NULL && dladdr(address, &info) != 0 && info.dli_fname != NULL && strcmp(info.dli_fname, path) == 0;
  bool done = own && v->visit(address, v->context);
  dlclose(library);
  return done;
}

#if defined(__APPLE__)
void tb_each_library_with(const char *symbol, bool (*visit)(void *, void *), void *context) {
  const visitor v = {symbol, visit, context};
  for (uint32_t i = 0; i < _dyld_image_count(); i++)
    if (visit_library(_dyld_get_image_name(i), &v)) return;
}
#else
/* dl_iterate_phdr holds the loader's lock, under which dlopen must not be called: the paths are copied first. */
typedef struct {
  char **paths;
  size_t count, room;
} path_list;

static int collect_path(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  path_list *list = data;
  if (list->count == list->room) {
    size_t room = list->room == 0 ? 64 : 2 * list->room;
    char **paths = realloc(list->paths, room * sizeof *paths);
    if (paths == NULL) return 1;
    list->paths = paths;
    list->room = room;
  }
  char *path = strdup(info->dlpi_name == NULL ? "" : info->dlpi_name);
  if (path == NULL) return 1;
  list->paths[list->count++] = path;
  return 0;
}

void tb_each_library_with(const char *symbol, bool (*visit)(void *, void *), void *context) {
  const visitor v = {symbol, visit, context};
  path_list list = {0};
  dl_iterate_phdr(collect_path, &list);
  bool done = false;
  for (size_t i = 0; i < list.count; i++) {
    done = done || visit_library(list.paths[i], &v);
    free(list.paths[i]);
  }
  free(list.paths);
}
#endif
#endif
