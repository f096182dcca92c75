/*
 * What an importer written in another language cannot give to an FMI 2 FMU by itself: callback functions in C.
 *
 * The FMI 2 logger is variadic, so a callback from a foreign function interface receives the format without its
 * arguments; and an FMU may log from threads of its own while the importer's only thread is inside one of its
 * functions, where a logger that waits for that thread would never return. So the logger here formats the message and
 * puts it in a bounded queue, and the importer takes the queue's content after each call.
 *
 * An environment belongs to one instance of an FMU: create it before fmi2Instantiate, destroy it after
 * fmi2FreeInstance. All functions may be called from any thread, except that the environment must not be in use when
 * it is destroyed.
 */
#ifndef TB_HOST_LOG_H
#define TB_HOST_LOG_H

#include <stdarg.h>
#include <stdint.h>

#include "fmi2.h"
#include "tb_api.h"

typedef struct tb_host_environment tb_host_environment;

/* A message longer than this (with its category, both with their terminating zero) is cut; bytes. */
#define TB_HOST_MAX_MESSAGE 8192

/* A queue of at least `capacity` bytes (TB_HOST_MAX_MESSAGE at least); NULL when there is no memory. */
TB_API tb_host_environment *tb_host_create(uint32_t capacity);
TB_API void tb_host_destroy(tb_host_environment *environment);

/* What to hand to fmi2Instantiate; lives as long as the environment. stepFinished is NULL: steps are synchronous. */
TB_API const fmi2CallbackFunctions *tb_host_callbacks(tb_host_environment *environment);

/*
 * Address of the number of bytes that wait in the queue: a reader that maps this word knows without a call that there
 * is nothing to take.
 */
TB_API const volatile uint32_t *tb_host_pending(tb_host_environment *environment);

/*
 * What a message is to say of its time, read when it comes (NULL: nothing), and a flag that is set to 1 then, so that one
 * look tells whether any of many environments has something (NULL: none). Both are to live as long as the environment.
 */
TB_API void tb_host_watch(tb_host_environment *environment, const volatile double *time, volatile int32_t *attention);

/*
 * Moves whole records, oldest first, into `buffer`; answers the bytes written. A record is
 *   uint32_t size (of all of it), int32_t status, double time (s; NaN: not watched), category and message, each with its
 *   terminating zero.
 * When `dropped` is not NULL it receives how many messages were lost since the last call because the queue was full:
 * then the oldest go, since the newest tell why a call failed.
 */
TB_API uint32_t tb_host_take(tb_host_environment *environment, uint8_t *buffer, uint32_t size, uint64_t *dropped);

/* The logger itself, exported for those who build their own fmi2CallbackFunctions. `environment` is as created. */
TB_API void tb_host_log(fmi2ComponentEnvironment environment, fmi2String instanceName, fmi2Status status,
                        fmi2String category, fmi2String message, ...);

/* The same for loggers whose arguments are gathered already, or whose message is finished. */
void tb_host_vlog(tb_host_environment *environment, int32_t status, const char *category, const char *format,
                  va_list arguments);
void tb_host_log_text(tb_host_environment *environment, int32_t status, const char *category, const char *text);

/* Where messages go instead of the queue, under its lock: `texts` are category and message, each with its zero. */
typedef void tb_host_sink(void *context, int32_t status, const char *texts, uint32_t size);
void tb_host_divert(tb_host_environment *environment, tb_host_sink *sink, void *context);

/* Messages that were lost before they came here. */
void tb_host_add_dropped(tb_host_environment *environment, uint64_t count);

#endif
