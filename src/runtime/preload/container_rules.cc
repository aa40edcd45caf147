// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/container_rules.h"

#include "runtime/query/object_reader.h"

namespace allocs::preload {

uniqtype* element_type_kept_in(const self::SelfProcess& process, const query::Answer& holder,
                               Address at, AddressRange block) {
  const NodeMemory memory;
  const auto descriptions = [&](const uniqtype& type, const auto& visit) {
    for_each_description(process, type, visit);
  };
  return query::element_type_kept_in(process.types(), memory, descriptions, holder, at, block,
                                     query::object_reader(process));
}

}  // namespace allocs::preload
