/* page.h - a bench's figures as one web page that needs nothing beside itself. */
#ifndef LOAD_PAGE_H
#define LOAD_PAGE_H

#include "bench/load/figures.h"

/* 0, or -errno. */
MUST_CHECK int page_write(const char *path, const struct bench_settings *settings,
                          const struct figures *figures);

#endif
