// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/records.h"
#include "runtime/query/object.h"
#include "runtime/self/object_file.h"

namespace allocs::self {

// bare_object(), without a look at the name: is_loader is not told.
inline query::Object nameless_object(const index::ModuleRecord& module) {
  return {.range = {module.begin, module.end},
          .bias = {module.bias},
          .path = path_text(module),
          .instance = module.instance,
          .tls_module = module.tls_module,
          .tls_size = module.tls_size,
          .image_error = ALLOC_E_NOT_YET};
}

// What the module table alone says of an object of this process. The path lives as long as the process. Context: signal.
inline query::Object bare_object(const index::ModuleRecord& module) {
  query::Object object = nameless_object(module);
  object.is_loader = query::is_loader_path(object.path);
  return object;
}

}  // namespace allocs::self
