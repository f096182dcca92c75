/*
 * Runs a program and tells what it cost: `rusage program arguments…` writes one JSON object to file descriptor 3 when the
 * program has ended.
 *
 *   started  CLOCK_MONOTONIC before it was started, ns
 *   cpu      CPU time of all its threads and of the children that it waited for, user and system, ns
 *
 * Its own exit code is the program's; 127 when that cannot be started.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../importer/clock.h"

enum { REPORT = 3 };

static int64_t nanoseconds(struct timeval t) { return (int64_t)t.tv_sec * NS_PER_S + (int64_t)t.tv_usec * 1000; }

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs("usage: rusage program arguments…\n", stderr);
    return 2;
  }
  const int64_t started = now_ns();
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* the benchmark ends its children; this is one of them */
    close(REPORT);
    execvp(argv[1], argv + 1);
    fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
    fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  dprintf(REPORT, "{\"started\":%" PRId64 ",\"cpu\":%" PRId64 "}\n", started,
          nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime));
  if (WIFSIGNALED(status)) fprintf(stderr, "%s: %s\n", argv[1], strsignal(WTERMSIG(status)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
