// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/index/records.h"
#include "types/image.h"

// Which calls of an object are in allocation wrappers: xmalloc and the like, whose callers decide what a block is.
//
// The object's metadata image knows. The question comes from inside malloc, the first time that a call site allocates, and once
// for each site; so the image is looked for once an object, where that is cheap and safe:
//   - an object with the marker note may carry its image in its own file, which is opened;
//   - of any other object the image may be in one of the directories where images are kept, under a name that follows from
//     the build-id. The C library and the loader are not looked for: all that a program like /bin/true allocates, they do.
// One system call for each folder of images; where there is one that may hold it, up to two dozen, the most of them for the files in which users
// declare functions, once a process. No lock: it may happen under the guest's own locks, or in a signal handler that
// interrupted it, and two threads may do it at once; the second then drops what it found. Of the image's
// content only the pages that are looked at are summed up; a damaged page knows no wrapper.
//
// Whatever fails means "not in a wrapper". When a query finds, or has made, the image later, the sites are reconsidered.
//
// Cost: nothing for an object that allocates nothing itself; else 2 us without an image, 10 us with one.
namespace allocs::self {

// Until places are open only embedded images are found, and constructors of other libraries run before: what they allocated has been recorded.
// Context: init, behind that.
void reconsider_early_sites();

// Context: hook.
bool is_wrapper_site(index::ModuleRecord& module, std::uint64_t offset);
bool is_site_of_constant(index::ModuleRecord& module, std::uint64_t offset);

// A query has got the image of that module; it stays mapped. Context: query, under the lock of loading.
void site_image_arrived(std::uint32_t instance, const types::Image& image);

}  // namespace allocs::self
