// SPDX-License-Identifier: Apache-2.0
//
//     void *p = alloca(n);      becomes      char *raw = alloca(n + 32);
//                                            record *r = (record *)raw;
//                                            r->next = head, r->size = n, r->site = here, r->type = &constant;
//                                            head = r;
//                                            void *p = raw + 32;
//
// `head` is a variable of the function, null at its beginning, which the debug information describes. All of it is volatile: readers come at
// any instruction, and see words in this order.
//
// What shortens the chain:
//     return                    head = null, if the function may be inlined: its blocks end then, and the stack pointer does not tell
//     llvm.stacksave()          kept = head;  and head = kept where that stack pointer is restored
//     setjmp()                  kept = head before it, head = kept behind it, in memory
//
// A block of constant size at the beginning of a function would become a part of the frame, at a place that the optimiser chooses. So sizes are
// hidden from it, and all blocks lie below the variables, each below the one before it.
#include "toolchain/plugin/alloca_pass.h"

#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <cstddef>
#include <map>

#include "toolchain/plugin/marked_types.h"
#include "types/alloca_record.h"

namespace allocs::plugin {

using namespace llvm;
using types::AllocaRecord;

namespace {

// What clang makes of a call of alloca. Its own slots are counted in 32 bits, and variable-length arrays are described as variables.
bool is_block(AllocaInst& block) {
  if (!block.getAllocatedType()->isIntegerTy(8) ||
      !block.getArraySize()->getType()->isIntegerTy(64))
    return false;
  if (block.getAddressSpace() != 0 || block.isUsedWithInAlloca() || block.isSwiftError())
    return false;
  return findDbgDeclares(&block).empty() && findDVRDeclares(&block).empty();
}

bool may_return_twice(const Instruction& instruction) {
  const auto* call = dyn_cast<CallBase>(&instruction);
  if (call == nullptr) return false;
  return call->hasFnAttr(Attribute::ReturnsTwice) ||
         call->getIntrinsicID() == Intrinsic::eh_sjlj_setjmp;
}

// Where it goes on the second time too; nullptr: there is no such place.
Instruction* place_behind(CallBase& call) {
  if (isa<CallInst>(call)) return call.getNextNode();
  auto* invoke = dyn_cast<InvokeInst>(&call);
  BasicBlock* next = invoke == nullptr ? nullptr : invoke->getNormalDest();
  return next == nullptr || next->getSinglePredecessor() == nullptr ? nullptr
                                                                    : &*next->getFirstInsertionPt();
}

// The variable that a stack pointer is saved in, and restored from; nullptr: not as clang makes it.
Value* slot_of_save(IntrinsicInst& save) {
  auto* store = save.hasOneUse() ? dyn_cast<StoreInst>(save.user_back()) : nullptr;
  return store == nullptr ? nullptr : store->getPointerOperand();
}
Value* slot_of_restore(IntrinsicInst& restore) {
  auto* load = dyn_cast<LoadInst>(restore.getArgOperand(0));
  return load == nullptr ? nullptr : load->getPointerOperand();
}

// What is to be changed in a function.
struct Places {
  SmallVector<AllocaInst*, 4> blocks;
  SmallVector<IntrinsicInst*, 2> saves, restores;
  SmallVector<CallBase*, 2> returning_twice;
  SmallVector<Instruction*, 4> ends;  // returns, and calls that must be the last
};

bool has_frame_of_ours(const Function& function) {
  if (function.isDeclaration() || function.isPresplitCoroutine()) return false;
  for (const auto kind :
       {Attribute::Naked, Attribute::SanitizeAddress, Attribute::SanitizeHWAddress,
        Attribute::SanitizeMemTag, Attribute::SafeStack}) {
    if (function.hasFnAttribute(kind)) return false;
  }
  const DISubprogram* subprogram = function.getSubprogram();
  const DICompileUnit* unit = subprogram == nullptr ? nullptr : subprogram->getUnit();
  return unit != nullptr && unit->getEmissionKind() == DICompileUnit::FullDebug &&
         !function.hasFnAttribute("split-stack");
}

Places places_in(Function& function) {
  Places found;
  for (Instruction& instruction : instructions(function)) {
    if (auto* slot = dyn_cast<AllocaInst>(&instruction)) {
      if (is_block(*slot)) found.blocks.push_back(slot);
    } else if (may_return_twice(instruction)) {
      found.returning_twice.push_back(cast<CallBase>(&instruction));
    } else if (auto* call = dyn_cast<IntrinsicInst>(&instruction)) {
      if (call->getIntrinsicID() == Intrinsic::stacksave) found.saves.push_back(call);
      if (call->getIntrinsicID() == Intrinsic::stackrestore) found.restores.push_back(call);
    }
  }
  for (BasicBlock& block : function) {
    if (!isa<ReturnInst>(block.getTerminator())) continue;
    CallInst* last = block.getTerminatingMustTailCall();
    found.ends.push_back(last == nullptr ? block.getTerminator() : last);
  }
  return found;
}

// Whether each is where it can be dealt with: what goes on after a setjmp at once, each stack pointer in a slot of one save.
bool can_change(const Places& places) {
  const auto goes_on = [](CallBase* call) { return place_behind(*call) != nullptr; };
  const auto is_saved = [&](IntrinsicInst* restore) {
    Value* slot = slot_of_restore(*restore);
    return slot != nullptr && count_if(places.saves, [&](IntrinsicInst* save) {
                                return slot_of_save(*save) == slot;
                              }) == 1;
  };
  return all_of(places.returning_twice, goes_on) && all_of(places.restores, is_saved);
}

// The constants of one unit that stand for types.
class TypeConstants {
 public:
  TypeConstants(DICompileUnit* unit, Module& module)
      : unit_(unit), module_(module), types_(unit, module) {}

  // nullptr: the mark says no type.
  Constant* of(const Mark& mark) {
    if (mark.kind.origin == types::SiteOrigin::wrapper || mark.type == nullptr) return nullptr;
    auto [known, is_new] = made_.try_emplace({mark.type, encode_site_kind(mark.kind)}, nullptr);
    if (is_new) known->second = make(mark);
    return known->second;
  }

  // Without a reference from the unit nothing would be written of them.
  void retain() {
    if (described_.empty()) return;
    SmallVector<Metadata*, 16> all;
    for (DIGlobalVariableExpression* each : unit_->getGlobalVariables()) all.push_back(each);
    all.append(described_.begin(), described_.end());
    unit_->replaceGlobalVariables(MDTuple::get(unit_->getContext(), all));
  }

 private:
  Constant* make(const Mark& mark) {
    DIType* type = types_.of_block(mark);
    if (type == nullptr) return nullptr;
    const types::SiteKindText kind = types::encode_site_kind(mark.kind);
    const std::string name =
        std::string{types::kAllocaTypePrefix} + std::string{kind.data(), kind.size()};
    IntegerType* word = Type::getInt64Ty(module_.getContext());
    auto* constant = new GlobalVariable(module_, word, true, GlobalValue::InternalLinkage,
                                        ConstantInt::get(word, 0), name);
    constant->setAlignment(Align(8));
    constexpr unsigned kBits = 64;
    auto* described = types_.builder().createGlobalVariableExpression(
        unit_, name, "", unit_->getFile(), 0, types_.builder().createPointerType(type, kBits),
        true);
    constant->addDebugInfo(described);
    described_.push_back(described);
    return constant;
  }

  DICompileUnit* unit_;
  Module& module_;
  MarkedTypes types_;
  std::map<std::pair<DIType*, types::SiteKindText>, Constant*> made_;
  SmallVector<Metadata*, 16> described_;
};

// Which type the block at a place of a function has. As of calls that are found by their place: all marks there must say the same, and
// there must be as many as blocks.
class TypesByPlace {
 public:
  TypesByPlace(const Module& module, const PlacedMarks& placed) {
    const auto markers = markers_in_casts(module);
    for (const PlacedMark& one : placed) {
      if (one.callee != kAllocaCallee) continue;
      if (const auto mark = mark_of(markers.lookup(one.marker)))
        marks_[{one.function, one.line, one.column}].push_back(*mark);
    }
  }

  // `blocks`: all of the function's.
  std::optional<Mark> of(const AllocaInst& block, ArrayRef<AllocaInst*> blocks) const {
    const auto place = place_of(block);
    const auto found = place ? marks_.find(*place) : marks_.end();
    if (found == marks_.end()) return std::nullopt;
    const auto& marks = found->second;
    const auto are_there = static_cast<std::size_t>(
        count_if(blocks, [&](const AllocaInst* other) { return place_of(*other) == place; }));
    const bool are_one = all_of(marks, [&](const Mark& mark) {
      return mark.kind == marks[0].kind && mark.type == marks[0].type;
    });
    return are_one && are_there == marks.size() ? std::optional{marks[0]} : std::nullopt;
  }

 private:
  using Place = std::tuple<std::string, unsigned, unsigned>;

  static std::optional<Place> place_of(const AllocaInst& block) {
    const DILocation* at = block.getDebugLoc().get();
    if (at == nullptr || at->getInlinedAt() != nullptr) return std::nullopt;
    return Place{block.getFunction()->getName().str(), at->getLine(), at->getColumn()};
  }

  std::map<Place, SmallVector<Mark, 2>> marks_;
};

// Changes one function.
class Instrumenter {
 public:
  Instrumenter(Function& function, DIBuilder& described)
      : function_(function),
        context_(function.getContext()),
        pointer_(PointerType::getUnqual(context_)),
        word_(Type::getInt64Ty(context_)),
        head_(new_slot(types::kAllocaHeadName)) {
    describe(described);
    store(IRBuilder<>(head_->getNextNode()), null(), head_);
  }

  void record(AllocaInst& block, Constant* type) {
    const std::uint64_t alignment =
        std::max<std::uint64_t>(block.getAlign().value(), types::kAllocaAlignment);
    const std::uint64_t before = std::max<std::uint64_t>(alignment, sizeof(AllocaRecord));
    IRBuilder<> at(&block);
    Value* size = hidden(at, block.getArraySize());
    Value* whole = at.CreateAdd(size, number(before));
    AllocaInst* raw = at.CreateAlloca(at.getInt8Ty(), whole);
    raw->setAlignment(Align(alignment));
    Value* record =
        at.CreateConstInBoundsGEP1_64(at.getInt8Ty(), raw, before - sizeof(AllocaRecord));
    Value* begin = at.CreateConstInBoundsGEP1_64(at.getInt8Ty(), raw, before);
    const auto put = [&](Value* value, std::size_t offset) {
      store(at, value, at.CreateConstInBoundsGEP1_64(at.getInt8Ty(), record, offset));
    };
    put(load(at, head_), offsetof(AllocaRecord, next));
    put(size, offsetof(AllocaRecord, size));
    put(here(at), offsetof(AllocaRecord, site));
    put(type == nullptr ? null() : type, offsetof(AllocaRecord, type));
    store(at, record, head_);
    begin->takeName(&block);
    block.replaceAllUsesWith(begin);
    block.eraseFromParent();
  }

  void empty_before(Instruction& end) { store(IRBuilder<>(&end), null(), head_); }

  void keep_over(CallBase& call) {
    Instruction* behind = place_behind(call);
    AllocaInst* kept = new_slot("");
    IRBuilder<> before(&call), after(behind);
    store(before, load(before, head_), kept);
    store(after, load(after, kept), head_);
  }

  // `save` and `restores` have one slot between them.
  void keep_over_array(IntrinsicInst& save, ArrayRef<IntrinsicInst*> restores) {
    AllocaInst* kept = new_slot("");
    IRBuilder<> saving(&save);
    store(saving, load(saving, head_), kept);
    for (IntrinsicInst* restore : restores) {
      if (slot_of_restore(*restore) != slot_of_save(save)) continue;
      IRBuilder<> restoring(restore);
      store(restoring, load(restoring, kept), head_);
    }
  }

 private:
  ConstantInt* number(std::uint64_t value) { return ConstantInt::get(word_, value); }
  Constant* null() { return ConstantPointerNull::get(pointer_); }

  AllocaInst* new_slot(std::string_view name) {
    IRBuilder<> at(&*function_.getEntryBlock().getFirstInsertionPt());
    return at.CreateAlloca(pointer_, nullptr, StringRef{name});
  }

  template <typename Builder>
  static void store(Builder&& at, Value* value, Value* to) {
    at.CreateAlignedStore(value, to, Align(8), true);
  }
  Value* load(IRBuilder<>& at, Value* from) {
    return at.CreateAlignedLoad(pointer_, from, Align(8), true);
  }

  // The address behind the instruction.
  Value* here(IRBuilder<>& at) {
    auto* type = FunctionType::get(pointer_, false);
    return at.CreateCall(type, InlineAsm::get(type, "leaq 0(%rip), $0", "=r", true));
  }
  Value* hidden(IRBuilder<>& at, Value* value) {
    auto* type = FunctionType::get(word_, {word_}, false);
    return at.CreateCall(type, InlineAsm::get(type, "", "=r,0", false), {value});
  }

  void describe(DIBuilder& builder) {
    DISubprogram* subprogram = function_.getSubprogram();
    constexpr unsigned kBits = 64;
    DILocalVariable* variable = builder.createAutoVariable(
        subprogram, StringRef{types::kAllocaHeadName}, subprogram->getFile(), 0,
        builder.createPointerType(nullptr, kBits), false, DINode::FlagArtificial);
    builder.insertDeclare(head_, variable, builder.createExpression(),
                          DILocation::get(context_, subprogram->getScopeLine(), 0, subprogram),
                          head_->getNextNode());
  }

  Function& function_;
  LLVMContext& context_;
  PointerType* pointer_;
  IntegerType* word_;
  AllocaInst* head_;
};

}  // namespace

PreservedAnalyses AllocaPass::run(Module& module, ModuleAnalysisManager&) {
  const Triple target(module.getTargetTriple());
  if (target.getArch() != Triple::x86_64 || target.isX32() || !target.isOSBinFormatELF())
    return PreservedAnalyses::all();
  const TypesByPlace told(module, placed == nullptr ? PlacedMarks{} : *placed);
  std::map<DICompileUnit*, TypeConstants> constants;
  bool is_changed = false;
  for (Function& function : module) {
    if (!has_frame_of_ours(function)) continue;
    const Places places = places_in(function);
    if (places.blocks.empty() || !can_change(places)) continue;
    is_changed = true;
    DICompileUnit* unit = function.getSubprogram()->getUnit();
    TypeConstants& of_unit = constants.try_emplace(unit, unit, module).first->second;
    SmallVector<Constant*, 4> type_of;
    for (const AllocaInst* block : places.blocks) {
      const auto mark = told.of(*block, places.blocks);
      type_of.push_back(mark ? of_unit.of(*mark) : nullptr);
    }
    DIBuilder builder(module, false, unit);
    Instrumenter instrumenter(function, builder);
    for (std::size_t i = 0; i < places.blocks.size(); ++i)
      instrumenter.record(*places.blocks[i], type_of[i]);
    for (CallBase* call : places.returning_twice) instrumenter.keep_over(*call);
    if (!function.hasFnAttribute(Attribute::NoInline)) {
      for (Instruction* end : places.ends) instrumenter.empty_before(*end);
    }
    for (IntrinsicInst* save : places.saves) instrumenter.keep_over_array(*save, places.restores);
  }
  for (auto& [unit, each] : constants) each.retain();
  return is_changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

}  // namespace allocs::plugin
