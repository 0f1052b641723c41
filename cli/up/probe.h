/* cli/up/probe.h - one try of a way to find out whether a task is ready or alive. */
#ifndef TEND_CLI_UP_PROBE_H
#define TEND_CLI_UP_PROBE_H

#include "config/config.h"

#include "tend/tend.h"

/* Tries once: tcp, http or exec.
 *
 *   task      its directory and environment are those of exec
 *   above     an exec runs in a scope below
 *   why       gets the reason of a failure
 *   returns   0; a negative errno value, -ECANCELED if the caller is canceled */
int probe_try(const struct config_probe *probe, const struct config_task *task, tend_scope above,
              uint64_t deadline, char *why, size_t size);

#endif
