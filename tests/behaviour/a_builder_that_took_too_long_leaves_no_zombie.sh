#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# When the builder of metadata takes longer than a query waits, its helper process is buried by a later query.
. "$(dirname "$0")/lib.sh"

mkdir -p tree/bin tree/lib
cp "$ALLOCS_PREFIX/lib/liballocs_preload.so" tree/lib
cat > tree/bin/allocs << 'END'
#!/bin/sh
exec sleep 3
END
chmod +x tree/bin/allocs
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int global;
static void children(const char *when) {
  char path[64], list[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  FILE *f = fopen(path, "r");
  printf("%s: %s\n", when, f && fgets(list, sizeof list, f) && strchr(list, ' ') ? "a child" : "no child");
  if (f) fclose(f);
}
int main(void) {
  const time_t start = time(NULL);
  alloc_get_type(&global);
  printf("waited %s\n", time(NULL) - start <= 4 ? "not to the end" : "too long");
  children("at first");
  sleep(3);
  alloc_get_type(&global);
  children("later");
  return 0;
}
END
build a.c
XDG_CACHE_HOME=$PWD/empty LD_PRELOAD=$PWD/tree/lib/liballocs_preload.so ./a > out
expect out << 'END'
waited not to the end
at first: a child
later: no child
END
