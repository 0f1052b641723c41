/* cli/config/task.h - a task while it is read. */
#ifndef TEND_CLI_CONFIG_TASK_H
#define TEND_CLI_CONFIG_TASK_H

#include "config/ready.h"
#include "config/restart.h"
#include "config/stop.h"

struct need_draft {
	yaml_node_t *name;
	bool given; /* the file says until when */
	enum config_until until;
};

/* The needs of a task are looked up when all tasks are known. */
struct task_draft {
	struct config_task *task;
	struct need_draft *needs;
	size_t nneeds;
	struct config_place *needs_at; /* places of the needs that were found */
	struct restart_draft restart;
	struct config_place command_at, shell_at;
	struct config_place input_at; /* {0, 0}: the task has no input */
};

void task_read(struct config_reader *r, const struct node_entry *e, struct task_draft *draft);

/* Fills in the needs of all tasks and the order of their start. An unknown
 * need, a need given twice and a cycle are reported. */
void task_link(struct config_reader *r, struct task_draft *drafts);

#endif
