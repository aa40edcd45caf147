// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace allocs::gcc_plugin {

// Tells who waits at the other end of a pipe (declarations/site_verdict.h) whether this unit of C may hold an allocation site; nothing if nobody
// waits. To be called behind all else that adds passes: its own comes first then, and sees no code of ours.
void tell_verdict_on_sites(const char* plugin);

}  // namespace allocs::gcc_plugin
