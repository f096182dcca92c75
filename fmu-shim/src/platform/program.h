/*
 * What a program that serves an FMU needs of an operating system beyond platform.h: its arguments, its standard output, which
 * is not the FMU's, the end of whoever started it, a helper process, and limits to what the FMU may do. program_posix.c has
 * it for Linux and macOS, program_windows.c for Windows.
 */
#ifndef TB_PROGRAM_H
#define TB_PROGRAM_H

#include "platform.h"

/* In UTF-8. NULL: there is no memory. */
char **tb_program_arguments(int argc, char **argv, int *n);
/* The program's own file, with slashes and without symbolic links. */
bool tb_program_path(char *path, size_t size);
/* Takes a variable out of the environment, and what it was; NULL: it was not set, or empty. To be freed. */
char *tb_take_environment(const char *name);

/* -- Standard output ------------------------------------------------------------------------------------------------------------- */

/* From now on what anybody here prints goes to standard error; the answer is what standard output was, and not inherited. */
tb_handle tb_take_stdout(void);
/* Writes a line to it; false: nobody reads it any more. */
bool tb_announce(tb_handle out, const char *line);
/*
 * Sleeps until nobody can read what is written there, or (Windows) whoever started this program is gone. false: the deadline
 * has passed, or nothing tells of it.
 */
bool tb_wait_unread(tb_handle out, int64_t deadline_ns);

/* -- Ends ------------------------------------------------------------------------------------------------------------------------- */

/* At once, whatever other threads do, and with what the FMU has started, as far as it is of this program's own group. */
_Noreturn void tb_end_program(int code);
/* Leaves what the FMU registered for a normal end undone. */
_Noreturn void tb_leave_program(int code);
/*
 * Has `crashed` be called should the program crash, in the thread that does, with what it was ("segmentation fault"). It may
 * call only what may be called from a handler of signals. If it returns, the program ends as it would have.
 */
void tb_catch_crash(void (*crashed)(const char *what));
/* Whether this is the thread that called tb_catch_crash. */
bool tb_is_catching_thread(void);

/* -- A helper: a process that answers on its standard output and ends when its standard input does ------------------------------- */

typedef struct {
  tb_handle input;   /* ours to write to, or to close */
  tb_handle output;  /* ours to read from */
  tb_handle process; /* Windows; else TB_NO_HANDLE */
  int64_t pid;
} tb_helper;

/* `arguments`: the program first, NULL last. Its standard error is ours. false: why is in `error`. */
bool tb_helper_start(tb_helper *helper, const char *const *arguments, char *error, size_t error_size);
/* What it has written, at least a byte; 0: it has closed its output. */
size_t tb_helper_read(const tb_helper *helper, char *bytes, size_t size);
/* Closes its input, waits for its end, and answers what it exited with; -1: it was ended by something else. */
int tb_helper_end(tb_helper *helper);
/* Becomes that program, or (Windows) runs it and exits as it does. Returns if it cannot be started. */
void tb_become(const char *const *arguments, char *error, size_t error_size);

/* -- Limits ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *user; /* NULL: as now */
  bool no_new_privileges;
  /* 0: as now */
  uint64_t max_memory; /* bytes of address space */
  uint64_t max_cpu;    /* s */
  uint64_t max_files;  /* open at the same time */
  uint64_t max_processes; /* of the user, threads counted */
} tb_limits;

/* For good. false: why is in `error`. */
bool tb_limit_program(const tb_limits *limits, char *error, size_t error_size);

#endif
