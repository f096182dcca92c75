/* Linux and macOS. */
#if !defined(_WIN32)
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Where the child finds its handles, and the leash behind them. */
enum { FIRST_FD = 3, LEASH_FD = FIRST_FD + TB_CHILD_HANDLES, SAFE_FD = 16 };

/* How long a process that is about to be gone is waited for between two looks. */
enum { REAP_EVERY_NS = 200000 };

static bool make_pipe(int ends[2]) {
#if defined(__linux__)
  return pipe2(ends, O_CLOEXEC) == 0;
#else
  if (pipe(ends) != 0) return false;
  for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return true;
#endif
}

static void close_pipe(const int ends[2]) {
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0) close(ends[i]);
}

/* This process's, with one variable more, to be freed; NULL: there is no memory. */
static char **with_variable(const char *variable) {
  size_t n = 0;
  while (environ[n] != NULL) n++;
  char **all = calloc(n + 2, sizeof *all);
  if (all == NULL) return NULL;
  all[0] = (char *)variable; /* the first one counts */
  memcpy(all + 1, environ, n * sizeof *all);
  return all;
}

static char **arguments_of(const tb_child_command *command) {
  size_t n = 0;
  while (command->arguments != NULL && command->arguments[n] != NULL) n++;
  char **all = calloc(n + 2, sizeof *all);
  if (all == NULL) return NULL;
  all[0] = (char *)command->program;
  for (size_t k = 0; k < n; k++) all[k + 1] = (char *)command->arguments[k];
  return all;
}

static int spawn(const tb_child_command *command, const int given[], int n_given, int output, pid_t *pid) {
  char **argv = arguments_of(command), **environment = command->variable == NULL ? environ : with_variable(command->variable);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  /* An FMU that prints must not print into the importer's data. */
  for (int fd = 1; fd <= 2; fd++) posix_spawn_file_actions_adddup2(&actions, output, fd);
  for (int i = 0; i < n_given; i++)
    if (given[i] >= 0) posix_spawn_file_actions_adddup2(&actions, given[i], FIRST_FD + i);
  /* A process group of its own: Ctrl-C in the terminal is for the importer, and what the child starts is ended with it. */
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
  int failed = argv == NULL || environment == NULL
                   ? ENOMEM
                   : posix_spawn(pid, command->program, &actions, &attributes, argv, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  free(argv);
  if (environment != environ) free(environment);
  return failed;
}

bool tb_child_start(tb_child *child, const tb_child_command *command, char *error, size_t error_size) {
  enum { N_GIVEN = TB_CHILD_HANDLES + 1 };
  int output[2] = {-1, -1}, leash[2] = {-1, -1}, stop[2] = {-1, -1}, given[N_GIVEN] = {-1, -1, -1, -1}, copy = -1;
  bool ok = make_pipe(output) && make_pipe(leash) && make_pipe(stop);
  /* By way of copies above the numbers that the child gets, so that no dup2 there overwrites a source. */
  for (int i = command->handles == NULL ? TB_CHILD_HANDLES : 0; ok && i < N_GIVEN; i++) {
    given[i] = fcntl(i < TB_CHILD_HANDLES ? (int)command->handles[i] : leash[0], F_DUPFD_CLOEXEC, SAFE_FD);
    ok = given[i] >= 0;
  }
  if (ok) ok = (copy = fcntl(output[1], F_DUPFD_CLOEXEC, SAFE_FD)) >= 0;
  int failed = ok ? 0 : errno;
  pid_t pid = -1;
  if (ok) failed = spawn(command, given, N_GIVEN, copy, &pid);
  for (int i = 0; i < N_GIVEN; i++)
    if (given[i] >= 0) close(given[i]);
  if (copy >= 0) close(copy);
  if (failed != 0) {
    snprintf(error, error_size, "cannot start '%s': %s", command->program, strerror(failed));
    close_pipe(output);
    close_pipe(leash);
    close_pipe(stop);
    return false;
  }
  close(output[1]);
  close(leash[0]);
  *child = (tb_child){.pid = pid, .process = TB_NO_HANDLE, .leash = leash[1], .output = output[0],
                      .stop_reading = stop[1], .stopped_reading = stop[0]};
  return true;
}

size_t tb_child_read_output(const tb_child *child, char *bytes, size_t size) {
  for (;;) {
    struct pollfd both[2] = {{.fd = (int)child->output, .events = POLLIN},
                             {.fd = (int)child->stopped_reading, .events = POLLIN}};
    if (poll(both, 2, -1) < 0 && errno == EINTR) continue;
    if (both[0].revents == 0 && both[1].revents != 0) return 0;
    ssize_t n = read((int)child->output, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    return n < 0 ? 0 : (size_t)n;
  }
}

void tb_child_stop_output(const tb_child *child) { tb_wake_signal(child->stop_reading); }

bool tb_child_is_gone(const tb_child *child) {
  siginfo_t info = {0};
  if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return info.si_pid != 0;
}

void tb_child_kill(const tb_child *child) {
  kill(-(pid_t)child->pid, SIGKILL);
  kill((pid_t)child->pid, SIGKILL); /* should it have left its group */
}

bool tb_child_reap(const tb_child *child, int64_t deadline_ns, tb_child_end *end) {
  *end = (tb_child_end){0};
  for (;;) {
    int status;
    pid_t reaped = waitpid((pid_t)child->pid, &status, WNOHANG);
    if (reaped < 0 && errno != EINTR) return true; /* the importer reaps its children itself */
    if (reaped > 0) {
      const bool signalled = WIFSIGNALED(status);
      *end = (tb_child_end){true, signalled ? WTERMSIG(status) : 0, signalled ? 0 : WEXITSTATUS(status)};
      return true;
    }
    if (tb_monotonic_ns() >= deadline_ns) return false;
    tb_sleep_ns(REAP_EVERY_NS);
  }
}

void tb_child_close(tb_child *child) {
  tb_handle_close(child->leash);
  tb_handle_close(child->output);
  tb_handle_close(child->stop_reading);
  tb_handle_close(child->stopped_reading);
  child->leash = child->output = child->stop_reading = child->stopped_reading = TB_NO_HANDLE;
}

/* -- In the child -------------------------------------------------------------------------------------------------------- */

/* Whatever an FMU does in the other threads. */
static void guard(void *unused) {
  (void)unused;
  char byte;
  ssize_t n;
  do n = read(LEASH_FD, &byte, 1);
  while (n > 0 || (n < 0 && errno == EINTR));
  if (getpgrp() == getpid()) kill(0, SIGKILL); /* with all that it started */
  _exit(0);
}

int tb_child_keep(char **argv) {
  if (fcntl(LEASH_FD, F_SETFD, FD_CLOEXEC) != 0 || tb_thread_start(guard, NULL) == NULL) return EXIT_FAILURE;
  pid_t pid;
  sigset_t none;
  posix_spawnattr_t attributes;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  const int failed = posix_spawn(&pid, argv[0], NULL, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    fprintf(stderr, "cannot start '%s': %s\n", argv[0], strerror(failed));
    return EXIT_FAILURE;
  }
  int status;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
  signal(WTERMSIG(status), SIG_DFL);
  raise(WTERMSIG(status)); /* so that who has started it knows how it ended */
  return EXIT_FAILURE;
}

bool tb_child_take_handles(int argc, char **argv, tb_handle handles[TB_CHILD_HANDLES], tb_handle *parent) {
  (void)argc;
  (void)argv;
  for (int fd = FIRST_FD; fd <= LEASH_FD; fd++) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return false; /* not for what the FMU may start */
    if (fd < LEASH_FD) handles[fd - FIRST_FD] = fd;
  }
  *parent = TB_NO_HANDLE;
  return tb_thread_start(guard, NULL) != NULL;
}

/* -- Both ---------------------------------------------------------------------------------------------------------------- */

void tb_write_stderr(const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(2, bytes, size);
    if (n < 0 && errno == EAGAIN) { /* Node's own streams may have made it so */
      struct pollfd p = {.fd = 2, .events = POLLOUT};
      if (poll(&p, 1, 1000) > 0) continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes += n;
    size -= (size_t)n;
  }
}
#endif
