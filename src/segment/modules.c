/* segment/modules.c - the loaded files, so that a reader finds the function of an address after
 * the process has gone. */
#include "segment/segment.h"

#include "platform/platform.h"

#include <string.h>

static struct tend__module *modules(struct tend__segment *s)
{
	return tend__own_area(s->header, TEND__AREA_MODULES);
}

/* Returns the index of the module with the address, or the count of modules. */
static uint32_t find(struct tend__segment *s, uint64_t address) TEND_REQUIRES(&s->lock)
{
	/* Relaxed: written under this lock only. */
	uint32_t n = tend__load_relaxed(&s->header->modules_used), i = 0;

	tend__assert_held(&s->lock);
	n = n < TEND__MODULES_MAX ? n : TEND__MODULES_MAX;
	while (i < n && (address < modules(s)[i].base || address >= modules(s)[i].end))
		i++;
	return i;
}

bool tend__module_has(struct tend__segment *s, const void *address)
{
	return find(s, (uintptr_t)address) < tend__load_relaxed(&s->header->modules_used);
}

/* Writes a module, unless its addresses are known. A module that was unloaded stays, because old
 * addresses belong to the module; a module at the same addresses is not written. */
static void add(void *arg, const struct tend__loaded *loaded)
{
	struct tend__segment *s = arg;
	struct tend__module m = {.base = loaded->base, .end = loaded->end, .bias = loaded->bias};
	size_t n = strlen(loaded->path), skip = n < sizeof(m.path) ? 0 : n - (sizeof(m.path) - 1);

	memcpy(m.path, loaded->path + skip, n - skip);
	if (loaded->id && loaded->id_bytes <= sizeof(m.id)) {
		memcpy(m.id, loaded->id, loaded->id_bytes);
		m.id_bytes = (uint8_t)loaded->id_bytes;
	}
	tend__lock(&s->lock);
	uint32_t i = find(s, loaded->base);
	if (i == tend__load_relaxed(&s->header->modules_used) && i < TEND__MODULES_MAX) {
		modules(s)[i] = m;
		/* Release: a reader that sees the count sees the module. */
		tend__store_release(&s->header->modules_used, i + 1);
	}
	tend__unlock(&s->lock);
}

void tend__modules_find(struct tend__segment *s) { tend__modules(add, s); }
