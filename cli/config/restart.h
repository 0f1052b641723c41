/* cli/config/restart.h - when a task runs again, while it is read. */
#ifndef TEND_CLI_CONFIG_RESTART_H
#define TEND_CLI_CONFIG_RESTART_H

#include "config/node.h"

/* The fields are compared when all of them are known. A place is {0, 0} if the field is not
 * there. */
struct restart_draft {
	struct tend_restart *restart;
	struct config_place policy_at, max_delay_at, fatal_at, every_at;
};

/* Read the value of `restart`, and of `every`. */
void restart_read(struct config_reader *r, const struct node_entry *e, struct restart_draft *draft);
void restart_read_every(struct config_reader *r, const struct node_entry *e,
                        struct restart_draft *draft);

/* Reports fields that do not fit together, and fills in the defaults. */
void restart_finish(struct config_reader *r, struct restart_draft *draft);

#endif
