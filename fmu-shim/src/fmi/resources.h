/* Where the FMU's resources lie, from what an importer says about it. */
#ifndef TB_RESOURCES_H
#define TB_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `path` becomes the folder, without a separator at its end. `location` is the importer's: a URI (FMI 2.0.4, section
 * 2.1.5: file:///a/b%20c, file:/a/b, file://localhost/a) or a path, with or without a separator at its end (FMI 3.0,
 * section 2.3.1); NULL or empty: the folder beside the library's (…/binaries/linux64/robot.so → …/resources).
 * false: it makes no path, or one that is too long.
 */
bool tb_resources_path(const char *location, char *path, size_t size);

#endif
