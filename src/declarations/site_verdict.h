// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the plugin in gcc tells allocscc, while gcc still compiles, whether clang has to read the source for allocation sites: one byte through a pipe, the number of whose
// end is in a variable of the environment. A pipe that is closed without it says nothing.
namespace allocs::declarations {

inline constexpr char kSiteVerdictPipe[] = "ALLOCSCC_SITE_VERDICT_PIPE";
inline constexpr char kMayHoldSites = 'y';
inline constexpr char kHoldsNoSite = 'n';

}  // namespace allocs::declarations
