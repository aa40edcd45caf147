// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/metadata/places.h"

namespace allocs::metadata {

enum class MakeResult : unsigned char {
  made,        // the tool ended with success
  failed,      // the tool ended otherwise, or could not be started
  unfinished,  // it was not waited for to the end; it goes on
};

// Runs "`tool` meta build --quiet --lenient `object`" so that the host does not notice: no SIGCHLD, no zombie that its wait() could
// see, none of its descriptors, signal handlers, limits on memory apart from its own. Waits at most `timeout_ms`.
//
// Context: query. Not in a signal handler: starts a process.
MakeResult make_image(const char* tool, const char* object, const Places& places,
                      unsigned timeout_ms);

// Buries the helper processes that ended after they were no longer waited for. To be called now and then; cheap when there are none.
// Context: query, where the host allows system calls.
void bury_ended_helpers();

// The C library's own clone(), which a sanitizer in the program may have interposed; nullptr: whatever that name means. Context: query.
void set_clone(void* function);

}  // namespace allocs::metadata
