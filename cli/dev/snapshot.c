#include "cli/dev/snapshot.h"

#include "cli/dependencies/lock.h"
#include "cli/files/folder.h"
#include "cli/terminal/interrupt.h"

#define LOOK_MS 200

static uint64_t mix(uint64_t value, const void *data, size_t n) /* FNV-1a */
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i < n; i++)
		value = (value ^ bytes[i]) * 1099511628211u;
	return value;
}

uint64_t snapshot_take(const char *folder)
{
	cleanup_folder struct folder now;
	uint64_t value = 14695981039346656037u;
	if (folder_read(folder, &now, NULL) != 0)
		return 0;
	for (size_t i = 0; i < now.count; i++) {
		const struct folder_file *file = &now.files[i];
		if (strcmp(file->name, LOCK_NAME) == 0) /* which is written while the packages are gathered */
			continue;
		value = mix(value, file->name, strlen(file->name) + 1);
		value = mix(value, &file->size, sizeof(file->size));
		value = mix(value, &file->modified_ns, sizeof(file->modified_ns));
		value = mix(value, &file->is_executable, sizeof(file->is_executable));
	}
	return value ? value : 1;
}

bool snapshot_wait(const char *folder, uint64_t before)
{
	uint64_t last = before;
	for (;;) {
		uint64_t now = snapshot_take(folder);
		if (now != before && now == last)
			return true;
		last = now;
		if (!interrupt_sleep(LOOK_MS))
			return false;
	}
}
