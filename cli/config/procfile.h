/* cli/config/procfile.h - a Procfile, the file of foreman, honcho and overmind. */
#ifndef TEND_CLI_CONFIG_PROCFILE_H
#define TEND_CLI_CONFIG_PROCFILE_H

#include "config/reader.h"

/* Returns true for a Procfile: by the name, Procfile, Procfile.dev or x.procfile, or by the
 * lines, unless the name of the file says YAML. */
bool config_is_procfile(const char *path, const char *text, size_t size);

/* Reads the text as a Procfile into the configuration.
 *
 *   dotenv    the text of the .env beside the file; NULL: there is none */
void config_read_procfile(struct config_reader *r, const char *dotenv, size_t size);

#endif
