// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace allocs::meta {

// Lets the next 256 MB of this process's heap be huge pages, as far as the system gives them: a build touches some hundred megabytes once,
// and page by page the kernel needs half as long for that as the build itself. What the heap takes beyond is in small pages. The heap hardly shrinks any more. Where there is no such room,
// or no huge pages, nothing changes. Context: host, from the thread that builds, before it has others.
void prepare_heap_of_build();

}  // namespace allocs::meta
