/*
 * An FMU that lies unpacked in the cache (src/fmi/cache), found and held without Node.js: by the *native record* that the
 * cache leaves beside what it unpacks (src/fmi/cache/native-record.ts).
 */
#ifndef TB_CACHED_H
#define TB_CACHED_H

#include "../src/remote/opened.h"

enum { TB_CACHE_PATH = 4096 };

/* A folder in use by this process: nobody removes it. */
typedef struct {
  char mark[TB_CACHE_PATH]; /* path of the file that says so; empty: nothing is held */
} tb_held;

/*
 * The FMU's opened record, if all is as it was recorded; then its folder is held. false: whatever it is, the cache itself
 * has to look into it.
 */
bool tb_hold_cached(const char *fmu, tb_opened *opened, tb_held *held);
/* From then on the folder may go. */
void tb_release_cached(tb_held *held);
/* Every TB_REFRESH_NS: machines that do not see this process go by the mark's date. */
void tb_refresh_cached(const tb_held *held);
#define TB_REFRESH_NS INT64_C(3600000000000)

#endif
