// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the plugin in gcc tells allocscc, while gcc still compiles, whether clang has to read the source for allocation sites: one byte through a pipe. A variable of the environment has the number of its end and
// the unit's name as it is given to the compiler, "7:src/a.c". A pipe that is closed without the byte says nothing.
namespace allocs::declarations {

inline constexpr char kSiteVerdictPipe[] = "ALLOCSCC_SITE_VERDICT_PIPE";
inline constexpr char kSiteVerdictUnit = ':';
inline constexpr char kMayHoldSites = 'y';
inline constexpr char kHoldsNoSite = 'n';

}  // namespace allocs::declarations
