/* cli/config/memory.c - the memory of a configuration.
 *
 * All memory of a configuration lies in a single list of blocks. A configuration
 * is freed in the same way, however far the reading came. */
#include "config/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *config_alloc(struct config_block **memory, size_t count, size_t size)
{
	enum { BLOCK = 4096, ALIGN = _Alignof(max_align_t) };

	if (size && count > (SIZE_MAX / 2) / size)
		return NULL;
	size_t want = (count * size + ALIGN - 1) / ALIGN * ALIGN;
	struct config_block *block = *memory;
	assert(!block || block->used <= block->size);
	if (!block || block->size - block->used < want) {
		size_t room = want > BLOCK ? want : BLOCK;
		block = malloc(sizeof(*block) + room);
		if (!block)
			return NULL;
		*block = (struct config_block){.next = *memory, .size = room};
		*memory = block;
	}
	assert(want <= block->size - block->used);
	void *at = (char *)block->bytes + block->used;
	block->used += want;
	return memset(at, 0, want);
}

void config_release(struct config_block **memory)
{
	for (struct config_block *block = *memory; block;) {
		struct config_block *next = block->next;
		free(block);
		block = next;
	}
	*memory = NULL;
}

void *config_keep(struct config_reader *r, size_t count, size_t size)
{
	void *at = config_alloc(&r->config->memory, count, size);
	if (!at)
		r->no_memory = true;
	return at;
}

char *config_keep_text(struct config_reader *r, const char *s, size_t n)
{
	char *copy = config_keep(r, n + 1, 1);
	return copy ? memcpy(copy, s, n) : NULL;
}

void *config_scratch(struct config_reader *r, size_t count, size_t size)
{
	void *at = config_alloc(&r->scratch, count, size);
	if (!at)
		r->no_memory = true;
	return at;
}
