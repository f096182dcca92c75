/*
 * What the shim needs of an operating system, and nothing more: clocks, shared memory, a wake-up that also tells of the
 * other side's death, and the backend process. posix.c has it for Linux and macOS, windows.c for Windows.
 */
#ifndef TB_PLATFORM_H
#define TB_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef intptr_t tb_handle; /* a file descriptor, or a Windows HANDLE */
#define TB_NO_HANDLE ((tb_handle)-1)

/* -- Clocks, ns ----------------------------------------------------------------------------------------------------- */

int64_t tb_monotonic_ns(void);
int64_t tb_wall_ns(void); /* since the epoch */
void tb_sleep_ns(int64_t duration_ns);
void tb_yield(void); /* to any thread that wants to run */

/* -- Memory ---------------------------------------------------------------------------------------------------------- */

/* Nameless, zeroed and not inherited: nothing is left behind, whatever dies. */
bool tb_shm_create(uint64_t size, tb_handle *handle, void **memory);
void *tb_shm_map(tb_handle handle, uint64_t size); /* NULL: it failed */
void tb_shm_unmap(void *memory, uint64_t size);

/* Of this process, zeroed; `alignment` is a power of two. NULL: there is none. */
void *tb_aligned_alloc(size_t alignment, size_t size);
void tb_aligned_free(void *memory);

/* -- Wake-ups: from the backend to a waiting step --------------------------------------------------------------------- */

typedef enum { TB_WOKEN, TB_OTHER_SIDE_GONE, TB_DEADLINE_PASSED } tb_wait;

bool tb_wake_create(tb_handle *wait_end, tb_handle *signal_end);
/* `backend`: tb_process.process. A pipe tells of its writer's end by itself, an event does not. */
tb_wait tb_wake_wait(tb_handle wait_end, tb_handle backend, int64_t deadline_ns /* monotonic */);
void tb_wake_signal(tb_handle signal_end);
void tb_handle_close(tb_handle handle);

/* -- Notifications: from a step to the backend's event loop, which reads a stream -------------------------------------- */

typedef struct {
  tb_handle notify_end;
  tb_handle listen_end; /* for the backend; held here too, so that notifying one that died does no harm */
} tb_notification;

bool tb_notification_create(tb_notification *notification);
void tb_notify(tb_handle notify_end);
void tb_notification_close(tb_notification *notification);

/* -- The backend process --------------------------------------------------------------------------------------------- */

typedef struct {
  int64_t pid;
  tb_handle process; /* Windows; else TB_NO_HANDLE */
  tb_handle control; /* stream of bytes, both ways */
  tb_handle handles; /* POSIX: handles are passed over it; it hangs up when the process is gone, however it ended */
} tb_process;

enum { TB_HANDLES_TEXT = 160 };

/*
 * Starts `program script library control importer`: the last two say where the control stream is (a file descriptor, or
 * a path to connect to) and what tells of this process's end, for tb_guard_parent. false: why is in `error`.
 */
bool tb_process_spawn(tb_process *process, const char *program, const char *script, const char *library, char *error,
                      size_t error_size);
bool tb_process_send(const tb_process *process, const void *bytes, size_t size);
/* Exactly `size` bytes by the deadline; false: not. */
bool tb_process_receive(const tb_process *process, void *bytes, size_t size, int64_t deadline_ns);
/* Makes the handles usable there; `text` is to reach tb_take_handles. */
bool tb_process_give_handles(const tb_process *process, tb_handle shm, tb_handle signal_end,
                             const tb_notification *notification, char text[TB_HANDLES_TEXT]);
/* Sleeps until the process is gone. */
void tb_process_wait_end(const tb_process *process);
/* Ends our side of the control stream: the backend then finishes what it has and exits. */
void tb_process_hang_up(tb_process *process);
void tb_process_kill(const tb_process *process);
/* Reaps the process and tells in words how it ended; call once it is gone. */
void tb_process_reap(const tb_process *process, char *how, size_t how_size);
/* What is left of it here; once it is reaped. */
void tb_process_close(tb_process *process);

/* In the backend: the other side of tb_process_give_handles. `importer` is the argument of that name; `listen` receives
   where the notifications come: a file descriptor, or a path to connect to. */
bool tb_take_handles(int64_t importer, const char *text, tb_handle *shm, tb_handle *signal_end,
                     char listen[TB_HANDLES_TEXT]);
/* In the backend: sleeps until the importer is gone; false: it cannot be watched. */
bool tb_importer_wait_end(int64_t importer);

/* -- Files and environment, in UTF-8 ----------------------------------------------------------------------------------- */

/* ".exe" or nothing. */
extern const char tb_program_suffix[];
/* As FMI 3.0 names it: "x86_64-linux". */
extern const char tb_platform_tuple[];
bool tb_file_exists(const char *path);
/* Archives are often unpacked without the right to execute what they hold; false: it cannot be given. */
bool tb_make_executable(const char *path);
/* false: it is not set, or empty, or does not fit. */
bool tb_environment(const char *name, char *value, size_t size);
/* The program's path, by the PATH. */
bool tb_find_in_path(const char *program, char *path, size_t size);

/* -- Threads and libraries ------------------------------------------------------------------------------------------- */

typedef struct tb_thread tb_thread;
tb_thread *tb_thread_start(void (*run)(void *), void *argument); /* all signals blocked in it; NULL: it failed */
void tb_thread_join(tb_thread *thread);

typedef struct tb_mutex tb_mutex;
tb_mutex *tb_process_mutex(void); /* one for this copy of the library, never freed */
tb_mutex *tb_mutex_create(void);  /* NULL: there is no memory */
void tb_mutex_destroy(tb_mutex *mutex);
void tb_lock(tb_mutex *mutex);
void tb_unlock(tb_mutex *mutex);

/* Number of the calling process: another one after a fork. */
int64_t tb_current_process(void);
/* Path of the file this library was loaded from, with slashes. */
bool tb_own_path(char *path, size_t size);
/* An importer may unload the FMU while another copy of this library still uses the backend that this one started. */
void tb_stay_loaded(void);
/* Calls `visit` with the address of `symbol` in every loaded library that has it, in the order of loading, until true. */
void tb_each_library_with(const char *symbol, bool (*visit)(void *address, void *context), void *context);

#endif
