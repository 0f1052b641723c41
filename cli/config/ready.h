/* cli/config/ready.h - the probes of a task, while the task is read. */
#ifndef TEND_CLI_CONFIG_READY_H
#define TEND_CLI_CONFIG_READY_H

#include "config/node.h"

/* Read the value of `ready`, and of `alive`. */
void ready_read(struct config_reader *r, const struct node_entry *e, struct config_probe *probe);
void alive_read(struct config_reader *r, const struct node_entry *e, struct config_probe *probe);

#endif
