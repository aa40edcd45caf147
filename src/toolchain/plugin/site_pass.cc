// SPDX-License-Identifier: Apache-2.0
//
// A call's place in the source is a file, a line, a column and a discriminator, a number that compilers use to tell apart several
// pieces of code on one line. It follows the call through every optimisation: copied with it when the call is copied, and with the
// inlined function as the place from which that was called. So it is where the id of a type travels. Code and data stay as
// they are.
//
// An id is a hash of the type and the kind, so that in nearly all cases equal types have equal ids in all units of a program. Inlining
// across units (at link time) puts a call of one unit into the line table of another; the reader then looks the id up among all.
#include "toolchain/plugin/site_pass.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/MD5.h>

#include <map>
#include <set>

#include "toolchain/plugin/marked_types.h"

namespace allocs::plugin {

using namespace llvm;
using types::SiteMarker;
using types::SiteOrigin;

namespace {

constexpr char kMetadata[] = "heapallocsite";

std::optional<Mark> mark_on(const CallBase& call) {
  return mark_of(dyn_cast_or_null<DIType>(call.getMetadata(kMetadata)));
}

// Calls through members, and of functions that return no pointer, by their place.
//
// Several calls can be at one place: two in a macro, or `p->next(p)->alloc(n)`, where both begin with `p`. So nothing is believed
// unless exactly as many calls of that function, or through pointers, are at the place as marks, and all marks there say the same.
class CallsByPlace {
 public:
  CallsByPlace(const Module& module, const PlacedMarks& placed) {
    if (placed.empty()) return;
    const auto markers = markers_in_casts(module);
    for (const PlacedMark& one : placed) {
      if (auto mark = mark_of(markers.lookup(one.marker)))
        marks_[one.function][{one.line, one.column, one.callee}].push_back(*mark);
    }
  }

  // Calls visit(call, mark) for each call of `function` that a mark is meant for.
  template <typename Visit>
  void for_each_marked(Function& function, Visit visit) const {
    const bool is_initialiser = function.getName().starts_with(kInitialiserFunction);
    const auto places =
        marks_.find(is_initialiser ? StringRef{kInitialiserFunction} : function.getName());
    if (places == marks_.end()) return;
    std::map<Place, SmallVector<CallBase*, 2>> calls;
    for (Instruction& instruction : instructions(function)) {
      auto* call = dyn_cast<CallBase>(&instruction);
      const DILocation* at = call == nullptr ? nullptr : call->getDebugLoc().get();
      if (at == nullptr || at->getInlinedAt() != nullptr) continue;
      const Function* callee = call->getCalledFunction();
      if (callee == nullptr && !call->isIndirectCall()) continue;
      const std::string name = callee == nullptr ? "" : callee->getName().str();
      calls[{at->getLine(), at->getColumn(), name}].push_back(call);
    }
    for (const auto& [place, marks] : places->second) {
      const auto found = calls.find(place);
      if (found == calls.end() || found->second.size() != marks.size()) continue;
      const Mark& first = marks[0];
      const bool are_one = all_of(marks, [&first](const Mark& mark) {
        return mark.kind == first.kind && mark.type == first.type;
      });
      if (!are_one) continue;
      for (CallBase* call : found->second) visit(*call, first);
    }
  }

 private:
  using Place = std::tuple<unsigned, unsigned, std::string>;  // the last is the callee's name
  StringMap<std::map<Place, SmallVector<Mark, 2>>> marks_;
};

// Equal for types that are one in the source. Types of one module that are told apart by nothing in here get different ids all
// the same.
void describe(const DIType* type, std::string& key, int depth = 0) {
  constexpr int kDeepest = 6;
  if (type == nullptr || depth > kDeepest) {
    key += '.';
    return;
  }
  key += std::to_string(type->getTag()) + ':' + type->getName().str() + ':' +
         std::to_string(type->getSizeInBits());
  for (const DIScope* scope = type->getScope(); scope != nullptr; scope = scope->getScope())
    key += '/' + scope->getName().str();
  if (const DIFile* file = type->getFile())
    key += '@' + file->getFilename().str() + ':' + std::to_string(type->getLine());
  if (const auto* composite = dyn_cast<DICompositeType>(type)) {
    key += '#' + composite->getIdentifier().str();
    if (composite->getTag() == dwarf::DW_TAG_array_type)
      describe(composite->getBaseType(), key, depth + 1);
    const bool is_ours = composite->getName() == StringRef{types::kFlexibleRecordName} ||
                         composite->getName() == StringRef{types::kOneOfRecordName};
    if (!is_ours) return;
    for (const DINode* element : composite->getElements()) {
      const auto* member = dyn_cast<DIDerivedType>(element);
      if (member != nullptr) describe(member->getBaseType(), key, depth + 1);
    }
  } else if (const auto* derived = dyn_cast<DIDerivedType>(type)) {
    key += '>';
    describe(derived->getBaseType(), key, depth + 1);
  }
}

// The typedefs and ids of one compile unit.
class Markers {
 public:
  explicit Markers(DICompileUnit* unit, Module& module) : unit_(unit), types_(unit, module) {}

  std::uint32_t id_of(Mark mark) {
    mark.type = types_.with_dimensions(mark);
    const auto [known, is_new] =
        ids_.try_emplace({mark.type, encode_site_kind(mark.kind), is_cookie_flag(mark.flag)}, 0);
    if (!is_new) return known->second;
    std::string key;
    for (const char c : encode_site_kind(mark.kind)) key += c;
    key += is_cookie_flag(mark.flag) ? mark.flag : kNoFlag;
    describe(mark.type, key);
    key += mark.dimensions.str();
    const std::uint64_t hash = MD5Hash(key);
    constexpr std::uint32_t kCount = types::kLastSiteId - types::kFirstSiteId + 1;
    std::uint32_t id = types::kFirstSiteId + static_cast<std::uint32_t>(hash % kCount);
    while (!used_.insert(id).second) id = id == types::kLastSiteId ? types::kFirstSiteId : id + 1;
    known->second = id;
    add_typedef(id, mark);
    return id;
  }

  // Without a reference from the unit nothing would be written of them. The casts of ours have done their service.
  void retain() {
    SmallVector<Metadata*, 16> all;
    bool has_casts = false;
    for (DIScope* type : unit_->getRetainedTypes()) {
      const bool is_ours = marker_in_cast(type) != nullptr;
      has_casts |= is_ours;
      if (!is_ours) all.push_back(type);
    }
    if (made_.empty() && !has_casts) return;
    all.append(made_.begin(), made_.end());
    unit_->replaceRetainedTypes(MDTuple::get(unit_->getContext(), all));
  }

 private:
  void add_typedef(std::uint32_t id, const Mark& mark) {
    DIType* type = types_.of_block(mark);
    const types::SiteMarkerName name = types::encode_site_marker(SiteMarker{id, mark.kind});
    made_.push_back(types_.builder().createTypedef(type, StringRef{name.data(), name.size()},
                                                   unit_->getFile(), 0, unit_));
  }

  DICompileUnit* unit_;
  MarkedTypes types_;
  std::map<std::tuple<DIType*, types::SiteKindText, bool>, std::uint32_t> ids_;
  std::set<std::uint32_t> used_;
  SmallVector<Metadata*, 16> made_;
};

// Tables that are made for profilers have numbers of their own in that place.
bool can_tell(const DICompileUnit& unit) {
  return unit.getEmissionKind() == DICompileUnit::FullDebug && !unit.getDebugInfoForProfiling();
}

void set_discriminator(CallBase& call, std::uint32_t id) {
  const DILocation* at = call.getDebugLoc();
  LLVMContext& context = call.getContext();
  auto* scope = DILexicalBlockFile::get(context, at->getScope(), at->getFile(), id);
  call.setDebugLoc(DILocation::get(context, at->getLine(), at->getColumn(), scope,
                                   at->getInlinedAt(), at->isImplicitCode()));
}

}  // namespace

PreservedAnalyses SitePass::run(Module& module, ModuleAnalysisManager&) {
  if (module.getNamedMetadata("llvm.pseudo_probe_desc") != nullptr) return PreservedAnalyses::all();
  std::map<DICompileUnit*, Markers> units;
  for (DICompileUnit* unit : module.debug_compile_units()) units.try_emplace(unit, unit, module);
  const auto tell = [&](CallBase& call, Mark mark) {
    if (confirmed != nullptr) {
      const auto known = confirmed->find(mark.name.str());
      if (known != confirmed->end()) mark.kind = known->second;
    }
    const DISubprogram* subprogram = call.getFunction()->getSubprogram();
    DICompileUnit* unit = subprogram == nullptr ? nullptr : subprogram->getUnit();
    if (unit == nullptr || !call.getDebugLoc() || !can_tell(*unit)) return;
    set_discriminator(call, units.try_emplace(unit, unit, module).first->second.id_of(mark));
    auto* plain = dyn_cast<CallInst>(&call);
    const bool needs_frame = mark.kind.origin != SiteOrigin::wrapper && !keeps_tail_calls;
    if (plain != nullptr && needs_frame && !plain->isMustTailCall())
      plain->setTailCallKind(CallInst::TCK_NoTail);
  };
  const CallsByPlace by_place(module, placed == nullptr ? PlacedMarks{} : *placed);
  for (Function& function : module) {
    by_place.for_each_marked(function, tell);
    for (Instruction& instruction : instructions(function)) {
      auto* call = dyn_cast<CallBase>(&instruction);
      const auto mark = call == nullptr ? std::nullopt : mark_on(*call);
      if (!mark) continue;
      // As it would be without us: the type of `new`, and nothing on other calls.
      const bool is_new = mark->kind.origin == SiteOrigin::new_expression;
      call->setMetadata(kMetadata, is_new ? mark->type : nullptr);
      if (mark->flag == kBuiltinFlag) call->addFnAttr(Attribute::Builtin);
      tell(*call, *mark);
    }
  }
  for (auto& [unit, markers] : units) markers.retain();
  return PreservedAnalyses::all();
}

}  // namespace allocs::plugin
