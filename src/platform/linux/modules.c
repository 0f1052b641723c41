/* platform/linux/modules.c - the files that are loaded into the process. */
#include "platform/platform.h"

#include "base/error.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

struct walk {
	void (*fn)(void *arg, const struct tend__loaded *loaded);
	void *arg;
};

/* Finds the build-id among the notes of the file. */
static void find_id(const struct dl_phdr_info *info, const ElfW(Phdr) * p, struct tend__loaded *out)
{
	const char *at = (const char *)(uintptr_t)(info->dlpi_addr + p->p_vaddr);
	size_t left = p->p_memsz;

	while (left >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) note;

		memcpy(&note, at, sizeof(note));
		size_t name = (note.n_namesz + 3u) / 4 * 4, desc = (note.n_descsz + 3u) / 4 * 4;
		if (name > left || desc > left || sizeof(note) + name + desc > left)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    memcmp(at + sizeof(note), "GNU", 4) == 0) {
			out->id = at + sizeof(note) + name;
			out->id_bytes = note.n_descsz;
			return;
		}
		at += sizeof(note) + name + desc;
		left -= sizeof(note) + name + desc;
	}
}

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct walk *w = arg;
	struct tend__loaded loaded = {
		.base = UINT64_MAX, .bias = info->dlpi_addr, .path = info->dlpi_name};
	char exe[256];

	(void)size;
	for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t from = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && from < loaded.base)
			loaded.base = from;
		if (p->p_type == PT_LOAD && from + p->p_memsz > loaded.end)
			loaded.end = from + p->p_memsz;
		if (p->p_type == PT_NOTE && !loaded.id)
			find_id(info, p, &loaded);
	}
	/* The program itself has no name here. */
	if (!loaded.path || !loaded.path[0]) {
		ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

		exe[n < 0 ? 0 : n] = 0;
		loaded.path = exe;
	}
	if (loaded.base < loaded.end)
		w->fn(w->arg, &loaded);
	return 0;
}

void tend__modules(void (*fn)(void *arg, const struct tend__loaded *loaded), void *arg)
{
	TEND__KEEPS_ERRNO;
	struct walk w = {fn, arg};

	dl_iterate_phdr(visit, &w);
}
