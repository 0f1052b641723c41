/* segment/names.h - kinds, states, events and outcomes: a list of each, in the order of the
 * public numbers, with the words that every reader prints. */
#ifndef TEND_SEGMENT_NAMES_H
#define TEND_SEGMENT_NAMES_H

/* TEND_KIND_... of tend/registry.h, from 1. */
#define TEND__KINDS(X) \
	X(SCOPE, "scope") \
	X(FIBER, "fiber") \
	X(THREAD, "thread") \
	X(PROCESS, "process") \
	X(EXTERNAL, "external")

/* TEND_STATE_... of tend/registry.h, from 1. */
#define TEND__STATES(X) \
	X(QUEUED, "queued") \
	X(STARTING, "starting") \
	X(READY, "ready") \
	X(RUNNING, "running") \
	X(PARKED, "parked") \
	X(STOPPING, "stopping") \
	X(BACKOFF, "backoff") \
	X(ABANDONED, "abandoned") \
	X(ENDED, "ended") \
	X(STOPPED, "stopped")

/* TEND_EVENT_... of tend/registry.h, from 1. */
#define TEND__EVENTS(X) \
	X(STARTED, "started") \
	X(ENDED, "ended") \
	X(CANCELED, "canceled") \
	X(OPENED, "opened") \
	X(SEALED, "sealed") \
	X(UNSEALED, "unsealed") \
	X(CLOSING, "closing") \
	X(BEGAN, "began") \
	X(READY, "ready") \
	X(ATTEMPT_ENDED, "attempt ended") \
	X(TIMED_OUT, "timed out") \
	X(BACKOFF, "backoff") \
	X(STOPPED, "stopped") \
	X(GAVE_UP, "gave up") \
	X(STOPPING, "stopping")

/* TEND_... of tend/task.h, from 0. */
#define TEND__OUTCOMES(X) \
	X(LIVE, "live") \
	X(COMPLETED, "completed") \
	X(FAILED, "failed") \
	X(CANCELED, "canceled") \
	X(PANICKED, "panicked") \
	X(ABORTED, "aborted") \
	X(KILLED, "killed") \
	X(REJECTED, "rejected")

#endif
