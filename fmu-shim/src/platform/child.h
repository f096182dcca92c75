/*
 * A process that serves this one, over shared memory (isolate/channel.h) or a connection (remote/client.h): its start, its
 * output, its end. One that takes handles never outlives this process, whatever it does and however this one ends.
 * child_posix.c has it for Linux and macOS, child_windows.c for Windows; child.c what is the same on both.
 */
#ifndef TB_CHILD_H
#define TB_CHILD_H

#include "platform.h"

typedef struct {
  int64_t pid;
  tb_handle process; /* Windows; else TB_NO_HANDLE */
  tb_handle leash;   /* closed with the end of this process, which ends the child: a pipe; Windows: a job */
  tb_handle output;  /* where what it writes to standard output and standard error comes out */
  tb_handle stop_reading, stopped_reading; /* POSIX: a pipe that ends the reading of the output */
} tb_child;

/* What the child gets: shared memory, the end where it waits, the end where it signals. */
enum { TB_CHILD_HANDLES = 3 };

typedef struct {
  const char *program;
  const char *const *arguments; /* behind its name, the last one NULL; NULL: none */
  const tb_handle *handles;     /* TB_CHILD_HANDLES; NULL: none */
  const char *variable;         /* "NAME=value", in its environment beside those of this process; NULL: none */
} tb_child_command;

/*
 * Starts a program with this process's environment and folder, nothing to read, and out of reach of Ctrl-C. What it writes,
 * also to its standard output, comes out of `output`. false: why is in `error`.
 */
bool tb_child_start(tb_child *child, const tb_child_command *command, char *error, size_t error_size);

/* Sleeps until it has written something; 0: it has closed its output, or nobody wants to read any more. */
size_t tb_child_read_output(const tb_child *child, char *bytes, size_t size);
/* Has tb_child_read_output answer 0 in the thread that is in it. */
void tb_child_stop_output(const tb_child *child);

/* Without reaping it. */
bool tb_child_is_gone(const tb_child *child);
/* Together with the processes that it started and that are still of its group. */
void tb_child_kill(const tb_child *child);

typedef struct {
  bool known;     /* false: it is gone and nobody can tell how */
  int32_t signal; /* that ended it; 0: none */
  int64_t code;   /* that it exited with */
} tb_child_end;

/* Waits for its end until the deadline, and reaps it; false: it is still there. */
bool tb_child_reap(const tb_child *child, int64_t deadline_ns, tb_child_end *end);
/* Waits until it is gone by itself, but no longer than that; ends it and what it has started, and reaps it. */
tb_child_end tb_child_finish(const tb_child *child, int64_t patience_ns);
/* What is left of it here. */
void tb_child_close(tb_child *child);

/* -- In the child -------------------------------------------------------------------------------------------------------- */

/*
 * POSIX: runs another program until it ends or the parent does, and answers what to exit with: it has a leash then, though
 * it knows of none.
 */
int tb_child_keep(char **argv);

/* From the arguments of main. From here on the child ends with its parent. false: it was not started as above. */
bool tb_child_take_handles(int argc, char **argv, tb_handle handles[TB_CHILD_HANDLES], tb_handle *parent);

/* -- Both ---------------------------------------------------------------------------------------------------------------- */

void tb_write_stderr(const char *bytes, size_t size);

#endif
