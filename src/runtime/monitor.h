/* runtime/monitor.h - the thread of a runtime that is there when every worker is busy.
 *
 * The monitor rings the alarms, runs errands, and watches descriptors. The monitor never
 * runs tasks and calls no function of the program, so no code of the program delays the monitor.
 * The thread is started by the first call that needs the monitor: a runtime without
 * deadlines and processes has no such thread.
 *
 * Functions that the monitor calls must not wait. They may take locks, notify tasks, and
 * cancel; tend__tls is that of a thread outside of the runtime. */
#ifndef TEND_RUNTIME_MONITOR_H
#define TEND_RUNTIME_MONITOR_H

#include "runtime/runtime.h"

/* Starts the monitor if it does not run. Returns 0, -ENOMEM, or -EAGAIN without a thread or
 * a descriptor for it. All functions below need a monitor that was started. */
int tend__monitor_start(tend_runtime *rt) TEND_EXCLUDES(&rt->monitor_lock);
/* Runs the errands that are left, and ends the thread. Once no other thread posts. */
void tend__monitor_stop(tend_runtime *rt) TEND_EXCLUDES(&rt->monitor_lock);

/* ---- Alarms: a call at an instant ---- */

/* Makes an alarm that calls ring(rt, id). The id names the object, because the object may be
 * gone when the alarm rings. Returns NULL without memory. */
struct tend__alarm *tend__alarm_make(tend_runtime *rt, uint64_t at, uint64_t id,
                                     void (*ring)(tend_runtime *rt, uint64_t id));
/* Called once the object can be found by its id, because an earlier ring finds nothing. */
void tend__alarm_start(struct tend__alarm *alarm);
/* Frees an alarm, which may be started or not, or may ring right now; NULL does nothing. */
void tend__alarm_drop(struct tend__alarm *alarm);

/* The same in the memory of the caller. */
struct tend__alarm {
	struct tend__timer timer;
	uint64_t id;
	void (*ring)(tend_runtime *rt, uint64_t id);
};
/* Has the alarm ring at the instant, and not at the one that was set before. */
void tend__alarm_set(tend_runtime *rt, struct tend__alarm *alarm, uint64_t at);
/* Takes an alarm back, which may be set or not, or may ring right now. */
void tend__alarm_stop(tend_runtime *rt, struct tend__alarm *alarm);

/* ---- Errands: a call as soon as possible ---- */

/* Lies in the memory of the caller. An errand may be posted anew once its call has begun. */
struct tend__errand {
	struct tend__errand *next;
	void (*fn)(tend_runtime *rt, struct tend__errand *errand);
};
/* Calls errand->fn on the monitor, after the errands that were posted before. */
void tend__monitor_post(tend_runtime *rt, struct tend__errand *errand);

/* ---- Watches: a call when a descriptor has become ready ---- */

/* Calls fn(rt, id, fd) on the monitor at each edge of the descriptor, in any direction, and
 * for what is ready already; fn tries until EAGAIN. A descriptor has one watch. Returns 0,
 * -ENOMEM, -EOVERFLOW for a number above a million, or an error of epoll_ctl(2), of which
 * -EPERM means: always ready. */
int tend__monitor_watch(tend_runtime *rt, int fd, void (*fn)(tend_runtime *rt, uint64_t id, int fd),
                        uint64_t id);
/* Before the descriptor is closed. No call begins after this, but a call may be under way:
 * so the id names the object, as in an alarm. */
void tend__monitor_unwatch(tend_runtime *rt, int fd);

#endif
