/* platform/linux/host.c - by which a process and its time are told from others. */
#include "platform/platform.h"

#include "base/error.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t tend__clock_utc(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void tend__boot_id(uint8_t out[16])
{
	TEND__KEEPS_ERRNO;
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	size_t digits = 0;

	if (fd >= 0)
		close(fd);
	memset(out, 0, 16);
	for (ssize_t i = 0; i < n && digits < 32; i++) {
		int d = digit(text[i]);

		if (d < 0)
			continue;
		out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | d);
		digits++;
	}
}
