/* Folders as a whole. */
#ifndef SKILLBOX_CLI_FILES_TREE_H
#define SKILLBOX_CLI_FILES_TREE_H

/* Away with it, and all that is in it; symbolic links are not followed. What can't be removed stays, and is
 * told to nobody: it is in a cache or among temporary files. */
void tree_remove(const char *path);

#endif
