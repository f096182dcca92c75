/* Linux and macOS. */
#if !defined(_WIN32)
#define _GNU_SOURCE
#include "platform.h"
#include "posix.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#include <sys/event.h>
#else
#include <link.h>
#include <sys/syscall.h>
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

void tb_yield(void) { sched_yield(); }

void tb_sleep_ns(int64_t duration_ns) {
  struct timespec t = {(time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000)};
  nanosleep(&t, NULL);
}

/* -- Memory --------------------------------------------------------------------------------------------------------- */

static int nameless_memory(void) {
#if defined(__linux__)
  /* By its number: the C libraries of older systems have no memfd_create. */
  int fd = (int)syscall(SYS_memfd_create, "twinbridge", 1u /* MFD_CLOEXEC */);
  if (fd >= 0 || errno != ENOSYS) return fd;
#endif
  char name[31]; /* macOS takes no longer one */
  snprintf(name, sizeof name, "/tb-%x-%llx", (unsigned)getpid(), (unsigned long long)tb_monotonic_ns());
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

void *tb_aligned_alloc(size_t alignment, size_t size) {
  void *memory;
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
  return memset(memory, 0, size);
}

void tb_aligned_free(void *memory) { free(memory); }

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

int tb_poll_until(int fd, short events, int64_t deadline_ns, short *got) {
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

tb_wait tb_wake_wait(tb_handle wait_end, tb_handle backend, int64_t deadline_ns) {
  (void)backend;
  short got;
  int n = tb_poll_until((int)wait_end, POLLIN, deadline_ns, &got);
  if (n == 0) return TB_DEADLINE_PASSED;
  if (n < 0 || !(got & POLLIN)) return TB_OTHER_SIDE_GONE;
  char bytes[64];
  ssize_t taken = read((int)wait_end, bytes, sizeof bytes);
  if (taken == 0) return TB_OTHER_SIDE_GONE; /* to macOS the end is something to read */
  while (taken == (ssize_t)sizeof bytes) taken = read((int)wait_end, bytes, sizeof bytes);
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

/* -- Notifications: a pipe as well. As long as its reading end is open here too, a write raises no SIGPIPE, which would
      end an importer whose backend has died. ------------------------------------------------------------------------- */

bool tb_notification_create(tb_notification *notification) {
  return tb_wake_create(&notification->listen_end, &notification->notify_end);
}

void tb_notify(tb_handle notify_end) { tb_wake_signal(notify_end); }

void tb_notification_close(tb_notification *notification) {
  tb_handle_close(notification->notify_end);
  tb_handle_close(notification->listen_end);
  *notification = (tb_notification){TB_NO_HANDLE, TB_NO_HANDLE};
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
#if defined(SO_NOSIGPIPE) /* macOS, which has no MSG_NOSIGNAL */
  int on = 1;
  if (ours_theirs[0] >= 0) setsockopt(ours_theirs[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
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

  char control_text[12], importer_text[12];
  snprintf(control_text, sizeof control_text, "%d", CHILD_CONTROL);
  snprintf(importer_text, sizeof importer_text, "%d", CHILD_HANDLES);
  char *argv[] = {(char *)program, (char *)script, (char *)library, control_text, importer_text, NULL};
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
    if (tb_poll_until((int)process->control, POLLIN, deadline_ns, &got) <= 0) return false;
    ssize_t n = recv((int)process->control, at, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}

enum { N_HANDLES = 3 };

typedef union {
  struct cmsghdr header; /* for its alignment */
  char bytes[CMSG_SPACE(N_HANDLES * sizeof(int))];
} rights;

/* One byte of data, which has to go with them, and file descriptors. */
static struct msghdr rights_message(struct iovec *data, rights *control) {
  memset(control, 0, sizeof *control);
  return (struct msghdr){
      .msg_iov = data, .msg_iovlen = 1, .msg_control = control->bytes, .msg_controllen = sizeof control->bytes};
}

bool tb_process_give_handles(const tb_process *process, tb_handle shm, tb_handle signal_end,
                             const tb_notification *notification, char text[TB_HANDLES_TEXT]) {
  const int fds[N_HANDLES] = {(int)shm, (int)signal_end, (int)notification->listen_end};
  text[0] = '\0';
  char byte = 0;
  struct iovec data = {&byte, 1};
  rights control;
  struct msghdr message = rights_message(&data, &control);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fds);
  memcpy(CMSG_DATA(header), fds, sizeof fds);
  ssize_t n;
  do n = sendmsg((int)process->handles, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == 1;
}

#if !defined(MSG_CMSG_CLOEXEC)
#define MSG_CMSG_CLOEXEC 0
#endif

bool tb_take_handles(int64_t importer, const char *text, tb_handle *shm, tb_handle *signal_end,
                     char listen[TB_HANDLES_TEXT]) {
  (void)text;
  char byte;
  struct iovec data = {&byte, 1};
  rights control;
  struct msghdr message = rights_message(&data, &control);
  ssize_t n;
  do n = recvmsg((int)importer, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  int fds[N_HANDLES];
  const struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof fds)) return false;
  memcpy(fds, CMSG_DATA(header), sizeof fds);
#if defined(__APPLE__)
  for (int i = 0; i < N_HANDLES; i++) fcntl(fds[i], F_SETFD, FD_CLOEXEC);
#endif
  *shm = fds[0];
  *signal_end = fds[1];
  snprintf(listen, TB_HANDLES_TEXT, "%d", fds[2]);
  return true;
}

#if defined(__APPLE__)
/* poll there tells of a hang-up only together with what can be read, and what can be read here is for others. */
static void wait_hang_up(int fd) {
  int queue = kqueue();
  struct kevent wanted, event = {0};
  EV_SET(&wanted, fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
  int known = kevent(queue, &wanted, 1, NULL, 0, NULL);
  while (known >= 0 && !(event.flags & (EV_EOF | EV_ERROR))) {
    known = kevent(queue, NULL, 0, &event, 1, NULL);
    if (known < 0 && errno == EINTR) known = 0;
  }
  if (queue >= 0) close(queue);
}
#else
static void wait_hang_up(int fd) {
  short got;
  do {
    if (tb_poll_until(fd, 0, INT64_MAX, &got) < 0) return;
  } while (!(got & (POLLHUP | POLLERR | POLLNVAL)));
}
#endif

bool tb_importer_wait_end(int64_t importer) {
  wait_hang_up((int)importer);
  return true;
}

void tb_process_wait_end(const tb_process *process) { wait_hang_up((int)process->handles); }

void tb_process_hang_up(tb_process *process) { shutdown((int)process->control, SHUT_WR); }

void tb_process_kill(const tb_process *process) { kill((pid_t)process->pid, SIGKILL); }

void tb_process_reap(const tb_process *process, char *how, size_t how_size) {
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

void tb_process_close(tb_process *process) {
  tb_handle_close(process->control);
  tb_handle_close(process->handles);
  process->control = process->handles = TB_NO_HANDLE;
}

/* -- Files and environment ------------------------------------------------------------------------------------------ */

#if defined(__APPLE__)
#define SYSTEM_NAME "darwin"
#else
#define SYSTEM_NAME "linux"
#endif
#if defined(__aarch64__)
#define PROCESSOR_NAME "aarch64"
#elif defined(__x86_64__)
#define PROCESSOR_NAME "x86_64"
#else
#define PROCESSOR_NAME "other"
#endif

const char tb_program_suffix[] = "";
const char tb_platform_tuple[] = PROCESSOR_NAME "-" SYSTEM_NAME;

bool tb_file_exists(const char *path) { return access(path, R_OK) == 0; }

bool tb_make_executable(const char *path) {
  struct stat status;
  if (access(path, X_OK) == 0) return true;
  return stat(path, &status) == 0 && chmod(path, status.st_mode | S_IXUSR) == 0 && access(path, X_OK) == 0;
}

bool tb_environment(const char *name, char *value, size_t size) {
  const char *found = getenv(name);
  if (found == NULL || *found == '\0' || strlen(found) >= size) return false;
  strcpy(value, found);
  return true;
}

bool tb_find_in_path(const char *program, char *path, size_t size) {
  for (const char *folder = getenv("PATH"); folder != NULL; folder = strchr(folder, ':')) {
    if (*folder == ':') folder++;
    int length = (int)strcspn(folder, ":");
    struct stat status;
    int written = snprintf(path, size, "%.*s/%s", length, folder, program);
    if (length > 0 && written < (int)size && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
        access(path, X_OK) == 0)
      return true;
  }
  return false;
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

tb_mutex *tb_mutex_create(void) {
  tb_mutex *mutex = malloc(sizeof *mutex);
  if (mutex != NULL) pthread_mutex_init(&mutex->mutex, NULL);
  return mutex;
}

void tb_mutex_destroy(tb_mutex *mutex) {
  pthread_mutex_destroy(&mutex->mutex);
  free(mutex);
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

void tb_stay_loaded(void) {
#if defined(RTLD_NODELETE)
  char path[4096];
  if (tb_own_path(path, sizeof path)) dlopen(path, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
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
