/* scope/report.h - what a shutdown did, row by row. */
#ifndef TEND_SCOPE_REPORT_H
#define TEND_SCOPE_REPORT_H

#include "scope/scope.h"

enum { TEND__FRAMES = 8 };

struct tend__survivor {
	uint64_t id;
	uint32_t kind, state, wait;
	uint64_t object;
	uint64_t at;          /* instant of the look */
	uint64_t age, since;  /* nanoseconds: alive, in this state */
	uint32_t checkpoints; /* passed since the cancel */
	int32_t pid;
	const char *rung; /* the last thing it was asked: a literal */
	uint64_t checkpoint;
	uint64_t stack[TEND__FRAMES]; /* return addresses, 0 ends */
	char path[256];
};

struct tend_report {
	_Atomic uint32_t users;
	uint64_t begun, canceled, ended; /* instants */
	char path[256];
	size_t count;
	size_t lost; /* survivors for whose rows there was no memory */
	struct tend__survivor *rows;
};

tend_report *tend__report_make(uint64_t id);
tend_report *tend__report_hold(tend_report *report);
/* Marks what is left as abandoned, and writes it down. */
void tend__report_fill(tend_report *report, struct tend__scope *top, uint64_t id, bool empty);
/* The id of the live task in the record, if it is below the scope; else 0. */
uint64_t tend__report_survivor(tend_runtime *rt, struct tend__record *r, uint32_t slot,
                               uint64_t top);

#endif
