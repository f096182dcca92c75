/* A lock that can be waited in, for threads of one process. */
#ifndef TB_MONITOR_H
#define TB_MONITOR_H

typedef struct tb_monitor tb_monitor;

tb_monitor *tb_monitor_create(void); /* NULL: there is no memory */
void tb_monitor_destroy(tb_monitor *monitor);
void tb_monitor_enter(tb_monitor *monitor);
void tb_monitor_leave(tb_monitor *monitor);
/* Inside: lets others in until woken, which may happen for no reason. */
void tb_monitor_wait(tb_monitor *monitor);
/* Inside: wakes all who wait. */
void tb_monitor_wake(tb_monitor *monitor);

#endif
