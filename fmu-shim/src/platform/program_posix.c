/* Linux and macOS. */
#if !defined(_WIN32)
#define _GNU_SOURCE
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE
#endif
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#else
#include <mach-o/dyld.h>
#include <sys/event.h>
#include <time.h>
#endif

#include "child.h"
#include "posix.h"

extern char **environ;

char **tb_program_arguments(int argc, char **argv, int *n) {
  *n = argc;
  return argv;
}

bool tb_program_path(char *path, size_t size) {
  char resolved[PATH_MAX];
#if defined(__linux__)
  if (realpath("/proc/self/exe", resolved) == NULL) return false;
#else
  char own[PATH_MAX];
  uint32_t room = sizeof own;
  if (_NSGetExecutablePath(own, &room) != 0 || realpath(own, resolved) == NULL) return false;
#endif
  return snprintf(path, size, "%s", resolved) < (int)size;
}

char *tb_take_environment(const char *name) {
  char *found = getenv(name);
  if (found == NULL || *found == '\0') return NULL;
  char *copy = strdup(found);
  memset(found, 0, strlen(found)); /* where other processes of this user may look */
  unsetenv(name);
  return copy;
}

/* -- Standard output ------------------------------------------------------------------------------------------------------------- */

tb_handle tb_take_stdout(void) {
  /* An FMU's broken pipe, or that of whoever reads our words, must not end this program. */
  signal(SIGPIPE, SIG_IGN);
  fflush(stdout);
  const int out = fcntl(1, F_DUPFD_CLOEXEC, 3);
  if (dup2(2, 1) < 0) { /* there is no standard error */
    const int nothing = open("/dev/null", O_WRONLY);
    if (nothing >= 0) dup2(nothing, 1);
    if (nothing > 2) close(nothing);
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* what the FMU prints is to be seen before it crashes */
  return out < 0 ? TB_NO_HANDLE : out;
}

bool tb_announce(tb_handle out, const char *line) {
  size_t left = strlen(line);
  while (left > 0) {
    const ssize_t n = write((int)out, line, left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      struct pollfd one = {.fd = (int)out, .events = POLLOUT};
      poll(&one, 1, 1000);
      continue;
    }
    if (n <= 0) return false;
    line += n;
    left -= (size_t)n;
  }
  return true;
}

#if defined(__APPLE__)
bool tb_wait_unread(tb_handle out, int64_t deadline_ns) {
  const int queue = kqueue();
  struct kevent wanted, event = {0};
  bool unread = false;
  EV_SET(&wanted, (int)out, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
  while (queue >= 0 && !unread) {
    const int64_t left = deadline_ns == INT64_MAX ? INT64_MAX : deadline_ns - tb_monotonic_ns();
    const struct timespec t = {(time_t)((left < 0 ? 0 : left) / 1000000000), (long)((left < 0 ? 0 : left) % 1000000000)};
    const int n = kevent(queue, &wanted, 1, &event, 1, deadline_ns == INT64_MAX ? NULL : &t);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    unread = (event.flags & EV_EOF) != 0;
    if (event.flags & EV_ERROR) break;
  }
  if (queue >= 0) close(queue);
  return unread;
}
#else
bool tb_wait_unread(tb_handle out, int64_t deadline_ns) {
  short got;
  return tb_poll_until((int)out, 0, deadline_ns, &got) > 0 && (got & (POLLERR | POLLHUP)) != 0;
}
#endif

/* -- Ends ------------------------------------------------------------------------------------------------------------------------- */

void tb_end_program(int code) {
  if (getpgrp() == getpid()) {
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
  }
  _exit(code);
}

void tb_leave_program(int code) {
  fflush(NULL);
  _exit(code);
}

static void (*when_crashed)(const char *);
static pthread_t catching_thread;

static const char *name_of_crash(int number) {
  switch (number) {
    case SIGABRT: return "abort";
    case SIGBUS: return "bus error";
    case SIGFPE: return "arithmetic error";
    case SIGILL: return "illegal instruction";
    default: return "segmentation fault";
  }
}

static void crashed(int number) {
  static volatile sig_atomic_t has_crashed; /* should it do so again in here */
  if (!has_crashed) {
    has_crashed = 1;
    when_crashed(name_of_crash(number));
  }
  signal(number, SIG_DFL);
  raise(number);
}

void tb_catch_crash(void (*call)(const char *what)) {
  static const int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  /* Should the FMU run out of its stack. */
  static _Alignas(16) char stack[64 * 1024];
  const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
  when_crashed = call;
  catching_thread = pthread_self();
  sigaltstack(&alternative, NULL);
  for (size_t k = 0; k < sizeof SIGNALS / sizeof *SIGNALS; k++) {
    struct sigaction now, wanted = {.sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER};
    /* A sanitizer says more. */
    if (sigaction(SIGNALS[k], NULL, &now) == 0 && now.sa_handler == SIG_DFL) sigaction(SIGNALS[k], &wanted, NULL);
  }
}

bool tb_is_catching_thread(void) { return pthread_equal(catching_thread, pthread_self()) != 0; }

/* -- A helper --------------------------------------------------------------------------------------------------------------------- */

/* Both ends above those that a child gets, and not inherited. */
static bool make_pipe(int ends[2]) {
  int low[2];
  if (pipe(low) != 0) return false;
  for (int k = 0; k < 2; k++) {
    ends[k] = fcntl(low[k], F_DUPFD_CLOEXEC, 16);
    close(low[k]);
  }
  if (ends[0] >= 0 && ends[1] >= 0) return true;
  for (int k = 0; k < 2; k++)
    if (ends[k] >= 0) close(ends[k]);
  return false;
}

bool tb_helper_start(tb_helper *helper, const char *const *arguments, char *error, size_t error_size) {
  int input[2], output[2];
  if (!make_pipe(input)) {
    snprintf(error, error_size, "cannot start %s: %s", arguments[0], strerror(errno));
    return false;
  }
  if (!make_pipe(output)) {
    snprintf(error, error_size, "cannot start %s: %s", arguments[0], strerror(errno));
    close(input[0]);
    close(input[1]);
    return false;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  posix_spawnattr_t attributes;
  sigset_t defaults;
  posix_spawnattr_init(&attributes);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, arguments[0], &actions, &attributes, (char *const *)(uintptr_t)arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(input[0]);
  close(output[1]);
  if (failed != 0) {
    snprintf(error, error_size, "cannot start %s: %s", arguments[0], strerror(failed));
    close(input[1]);
    close(output[0]);
    return false;
  }
  *helper = (tb_helper){input[1], output[0], TB_NO_HANDLE, pid};
  return true;
}

size_t tb_helper_read(const tb_helper *helper, char *bytes, size_t size) {
  for (;;) {
    const ssize_t n = read((int)helper->output, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    return n < 0 ? 0 : (size_t)n;
  }
}

int tb_helper_end(tb_helper *helper) {
  int status = 0;
  tb_handle_close(helper->input);
  tb_handle_close(helper->output);
  helper->input = helper->output = TB_NO_HANDLE;
  while (waitpid((pid_t)helper->pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void tb_become(const char *const *arguments, char *error, size_t error_size) {
  execv(arguments[0], (char *const *)(uintptr_t)arguments);
  snprintf(error, error_size, "cannot start %s: %s", arguments[0], strerror(errno));
}

/* -- Limits ----------------------------------------------------------------------------------------------------------------------- */

static bool limit(int resource, const char *option, uint64_t value, char *error, size_t error_size) {
  if (value == 0) return true;
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) now.rlim_max = RLIM_INFINITY;
  rlim_t wanted = (rlim_t)value;
  if (now.rlim_max != RLIM_INFINITY && wanted > now.rlim_max) wanted = now.rlim_max; /* it is stricter already */
  const struct rlimit set = {wanted, wanted};
  if (setrlimit(resource, &set) == 0) return true;
  snprintf(error, error_size, "%s %llu: %s", option, (unsigned long long)value, strerror(errno));
  return false;
}

static bool become_user(const char *name, char *error, size_t error_size) {
  errno = 0;
  const struct passwd *user = getpwnam(name);
  if (user == NULL) {
    snprintf(error, error_size, "--user %s: there is no such user", name);
    return false;
  }
  const uid_t uid = user->pw_uid;
  const gid_t gid = user->pw_gid;
  if (uid == 0) {
    snprintf(error, error_size, "--user %s: that is no restriction", name);
    return false;
  }
  if (geteuid() == uid && getuid() == uid) return true;
  if (geteuid() != 0) {
    snprintf(error, error_size, "--user %s: only root can run an FMU as another user", name);
    return false;
  }
  if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
    snprintf(error, error_size, "--user %s: %s", name, strerror(errno));
    return false;
  }
  if (setuid(0) == 0 || getuid() != uid || geteuid() != uid || getegid() != gid) {
    snprintf(error, error_size, "--user %s: the rights of root cannot be given up", name);
    return false;
  }
  return true;
}

bool tb_limit_program(const tb_limits *l, char *error, size_t error_size) {
  if (l->max_memory > 0 || l->max_cpu > 0 || l->max_files > 0 || l->max_processes > 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* of a process that is meant to hit its limits */
  }
  if (!limit(RLIMIT_AS, "--max-memory", l->max_memory, error, error_size) ||
      !limit(RLIMIT_CPU, "--max-cpu", l->max_cpu, error, error_size) ||
      !limit(RLIMIT_NOFILE, "--max-files", l->max_files, error, error_size) ||
      !limit(RLIMIT_NPROC, "--max-processes", l->max_processes, error, error_size))
    return false;
  if (l->user != NULL && !become_user(l->user, error, error_size)) return false;
  if (!l->no_new_privileges) return true;
#if defined(__linux__)
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return true;
  snprintf(error, error_size, "--no-new-privileges: %s", strerror(errno));
#else
  snprintf(error, error_size, "--no-new-privileges: this system has no such thing");
#endif
  return false;
}
#endif
