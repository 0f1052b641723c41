/* cli/config/group.h - the groups of a file, while they are read. */
#ifndef TEND_CLI_CONFIG_GROUP_H
#define TEND_CLI_CONFIG_GROUP_H

#include "config/task.h"

struct group_draft {
	struct config_group *group;
	struct node_list members;
};

/* Reads the value of `groups`. */
void groups_read(struct config_reader *r, const struct node_entry *e, struct group_draft **drafts);

/* Fills in the group of each task, when the tasks are linked. A group that is named like a task, an
 * unknown member, and a member of two groups are reported. */
void groups_link(struct config_reader *r, struct group_draft *drafts);

#endif
