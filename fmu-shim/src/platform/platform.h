/*
 * What the shim needs of an operating system, and nothing more: clocks, shared memory, a wake-up that also tells of the
 * other side's death, and the backend process.
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

/* -- Shared memory --------------------------------------------------------------------------------------------------- */

/* Nameless, zeroed and not inherited: nothing is left behind, whatever dies. */
bool tb_shm_create(uint64_t size, tb_handle *handle, void **memory);
void *tb_shm_map(tb_handle handle, uint64_t size); /* NULL: it failed */
void tb_shm_unmap(void *memory, uint64_t size);

/* -- Wake-ups -------------------------------------------------------------------------------------------------------- */

typedef enum { TB_WOKEN, TB_OTHER_SIDE_GONE, TB_DEADLINE_PASSED } tb_wait;

bool tb_wake_create(tb_handle *wait_end, tb_handle *signal_end);
tb_wait tb_wake_wait(tb_handle wait_end, int64_t deadline_ns /* monotonic */);
void tb_wake_signal(tb_handle signal_end);
void tb_handle_close(tb_handle handle);

/* -- The backend process --------------------------------------------------------------------------------------------- */

typedef struct {
  int64_t pid;
  tb_handle process; /* Windows; else TB_NO_HANDLE */
  tb_handle control; /* stream of bytes, both ways */
  tb_handle handles; /* handles are passed over it; it hangs up when the process is gone, however it ended */
} tb_process;

/* Starts `program script library`; false: why is in `error`. */
bool tb_process_spawn(tb_process *process, const char *program, const char *script, const char *library, char *error,
                      size_t error_size);
bool tb_process_send(const tb_process *process, const void *bytes, size_t size);
/* Exactly `size` bytes by the deadline; false: not. */
bool tb_process_receive(const tb_process *process, void *bytes, size_t size, int64_t deadline_ns);
/* The other side of tb_process_give_handles. */
bool tb_process_take_handles(tb_handle socket, tb_handle *handles, int count);
bool tb_process_give_handles(const tb_process *process, const tb_handle *handles, int count);
/* Sleeps until the process is gone. */
void tb_process_wait_end(const tb_process *process);
/* Ends our side of the control stream: the backend then finishes what it has and exits. */
void tb_process_hang_up(const tb_process *process);
void tb_process_kill(const tb_process *process);
/* Reaps the process and tells in words how it ended; call once it is gone. */
void tb_process_reap(tb_process *process, char *how, size_t how_size);

/* -- Threads and libraries ------------------------------------------------------------------------------------------- */

typedef struct tb_thread tb_thread;
tb_thread *tb_thread_start(void (*run)(void *), void *argument); /* all signals blocked in it; NULL: it failed */
void tb_thread_join(tb_thread *thread);

typedef struct tb_mutex tb_mutex;
tb_mutex *tb_process_mutex(void); /* one for this copy of the library, never freed */
void tb_lock(tb_mutex *mutex);
void tb_unlock(tb_mutex *mutex);

/* Number of the calling process: another one after a fork. */
int64_t tb_current_process(void);
/* Path of the file this library was loaded from. */
bool tb_own_path(char *path, size_t size);
/* Calls `visit` with the address of `symbol` in every loaded library that has it, in the order of loading, until true. */
void tb_each_library_with(const char *symbol, bool (*visit)(void *address, void *context), void *context);

#endif
