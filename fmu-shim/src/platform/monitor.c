#include "monitor.h"

#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#if !defined(_WIN32_WINNT)
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif
#include <windows.h>

struct tb_monitor {
  SRWLOCK lock;
  CONDITION_VARIABLE woken;
};

tb_monitor *tb_monitor_create(void) {
  tb_monitor *monitor = malloc(sizeof *monitor);
  if (monitor == NULL) return NULL;
  InitializeSRWLock(&monitor->lock);
  InitializeConditionVariable(&monitor->woken);
  return monitor;
}

void tb_monitor_destroy(tb_monitor *monitor) { free(monitor); }
void tb_monitor_enter(tb_monitor *monitor) { AcquireSRWLockExclusive(&monitor->lock); }
void tb_monitor_leave(tb_monitor *monitor) { ReleaseSRWLockExclusive(&monitor->lock); }
void tb_monitor_wait(tb_monitor *monitor) { SleepConditionVariableSRW(&monitor->woken, &monitor->lock, INFINITE, 0); }
void tb_monitor_wake(tb_monitor *monitor) { WakeAllConditionVariable(&monitor->woken); }
#else
#include <pthread.h>

struct tb_monitor {
  pthread_mutex_t lock;
  pthread_cond_t woken;
};

tb_monitor *tb_monitor_create(void) {
  tb_monitor *monitor = malloc(sizeof *monitor);
  if (monitor == NULL) return NULL;
  pthread_mutex_init(&monitor->lock, NULL);
  pthread_cond_init(&monitor->woken, NULL);
  return monitor;
}

void tb_monitor_destroy(tb_monitor *monitor) {
  pthread_cond_destroy(&monitor->woken);
  pthread_mutex_destroy(&monitor->lock);
  free(monitor);
}

void tb_monitor_enter(tb_monitor *monitor) { pthread_mutex_lock(&monitor->lock); }
void tb_monitor_leave(tb_monitor *monitor) { pthread_mutex_unlock(&monitor->lock); }
void tb_monitor_wait(tb_monitor *monitor) { pthread_cond_wait(&monitor->woken, &monitor->lock); }
void tb_monitor_wake(tb_monitor *monitor) { pthread_cond_broadcast(&monitor->woken); }
#endif
