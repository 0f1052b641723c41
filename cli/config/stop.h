/* cli/config/stop.h - how a task is stopped, while it is read. */
#ifndef TEND_CLI_CONFIG_STOP_H
#define TEND_CLI_CONFIG_STOP_H

#include "config/node.h"

/* Reads the value of `stop`: a step, or a list of steps. */
void stop_read(struct config_reader *r, const struct node_entry *e, struct config_task *task);

#endif
