// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/piece_pass.h"

#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/TargetParser/Triple.h>

#include "declarations/piece_code.h"

namespace allocs::plugin {

using namespace llvm;
using declarations::Declaration;
using declarations::Role;

namespace {

// What a declaration calls the n-th parameter: those in floating-point registers have no letter, nor has the place of a returned struct.
Argument* parameter(Function& function, int number) {
  if (number < 0) return nullptr;
  for (Argument& argument : function.args()) {
    if (argument.hasStructRetAttr() || argument.getType()->isFPOrFPVectorTy()) continue;
    if (number-- == 0) return &argument;
  }
  return nullptr;
}

// Bytes of what the result points to, by the debug information; 0: not told.
std::uint64_t size_of_result(const Function& function) {
  const DISubprogram* subprogram = function.getSubprogram();
  const DISubroutineType* type = subprogram == nullptr ? nullptr : subprogram->getType();
  if (type == nullptr || type->getTypeArray().size() == 0) return 0;
  const DIType* result = type->getTypeArray()[0];
  const auto below_names = [](const DIType* named) {
    const auto* derived = dyn_cast_or_null<DIDerivedType>(named);
    while (derived != nullptr && derived->getTag() != dwarf::DW_TAG_pointer_type) {
      named = derived->getBaseType();
      derived = dyn_cast_or_null<DIDerivedType>(named);
    }
    return named;
  };
  const auto* pointer = dyn_cast_or_null<DIDerivedType>(below_names(result));
  const DIType* pointee = pointer == nullptr ? nullptr : below_names(pointer->getBaseType());
  return pointee == nullptr ? 0 : pointee->getSizeInBits() / 8;
}

class Instrumenter {
 public:
  explicit Instrumenter(Module& module)
      : module_(module),
        pointer_(PointerType::getUnqual(module.getContext())),
        word_(Type::getInt64Ty(module.getContext())) {}

  bool tell_pieces(Function& function, const Declaration& declared) {
    if (!function.getReturnType()->isPointerTy()) return false;
    IRBuilder<> at_entry(&*first_behind_slots(function));
    Value* size = size_in(function, declared, at_entry);
    if (size == nullptr) return false;
    function.removeFnAttr(Attribute::AlwaysInline);
    function.removeFnAttr(Attribute::InlineHint);
    function.addFnAttr(Attribute::NoInline);
    forget_purity(function);
    Constant* maker = external_object(declarations::piece_maker_name(name_of(function)));
    for (BasicBlock& block : function) {
      auto* back = dyn_cast<ReturnInst>(block.getTerminator());
      if (back != nullptr && block.getTerminatingMustTailCall() == nullptr)
        tell_at(*back, size, maker);
    }
    if (!has_made_code_) module_.appendModuleInlineAsm(declarations::piece_made_code());
    has_made_code_ = true;
    module_.appendModuleInlineAsm(declarations::piece_maker_code(name_of(function)));
    return true;
  }

  bool tell_end(Function& function, const Declaration& declared) {
    Argument* piece = parameter(function, declared.freed());
    if (piece == nullptr || !piece->getType()->isPointerTy()) return false;
    forget_purity(function);
    IRBuilder<> builder(&*first_behind_slots(function));
    place(builder, function);
    auto* type = FunctionType::get(builder.getVoidTy(), {pointer_}, false);
    builder.CreateCall(external_function(declarations::kPieceGone, type), {piece});
    if (!has_gone_code_) module_.appendModuleInlineAsm(declarations::piece_gone_code());
    has_gone_code_ = true;
    return true;
  }

 private:
  static std::string name_of(const Function& function) { return function.getName().str(); }

  // The caller of a function that is told of may no longer be believed to touch no memory.
  static void forget_purity(Function& function) {
    function.removeFnAttr(Attribute::Memory);
    function.removeFnAttr(Attribute::NoSync);
    function.removeFnAttr(Attribute::Speculatable);
  }

  // Local variables stay in the entry block together.
  static BasicBlock::iterator first_behind_slots(Function& function) {
    BasicBlock::iterator at = function.getEntryBlock().getFirstInsertionPt();
    while (isa<AllocaInst>(*at)) ++at;
    return at;
  }

  static void place(IRBuilder<>& builder, const Function& function) {
    if (DISubprogram* subprogram = function.getSubprogram()) {
      builder.SetCurrentDebugLocation(
          DILocation::get(function.getContext(), subprogram->getScopeLine(), 0, subprogram));
    }
  }

  Value* size_in(Function& function, const Declaration& declared, IRBuilder<>& builder) {
    if (declared.size() == Declaration::kNone) {
      const std::uint64_t size = size_of_result(function);
      return size == 0 ? nullptr : ConstantInt::get(word_, size);
    }
    Value* size = as_word(parameter(function, declared.size()), builder);
    if (size == nullptr) return nullptr;
    if (declared.unit != 1)
      size = builder.CreateMul(size,
                               ConstantInt::get(word_, static_cast<std::uint64_t>(declared.unit)));
    if (declared.count() == Declaration::kNone) return size;
    Value* count = as_word(parameter(function, declared.count()), builder);
    return count == nullptr ? nullptr : builder.CreateMul(size, count);
  }

  Value* as_word(Argument* argument, IRBuilder<>& builder) {
    if (argument == nullptr || !argument->getType()->isIntegerTy()) return nullptr;
    return builder.CreateZExtOrTrunc(argument, word_);
  }

  void tell_at(ReturnInst& back, Value* size, Constant* maker) {
    IRBuilder<> builder(&back);
    Value* own = builder.CreateIntrinsic(Intrinsic::addressofreturnaddress, {pointer_}, {});
    Value* cfa = builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), own, 8);
    auto* type = FunctionType::get(pointer_, {pointer_, word_, pointer_, pointer_}, false);
    Value* piece = builder.CreateCall(external_function(declarations::kPieceMade, type),
                                      {back.getReturnValue(), size, cfa, maker});
    back.setOperand(0, piece);
  }

  FunctionCallee external_function(const char* name, FunctionType* type) {
    FunctionCallee callee = module_.getOrInsertFunction(name, type);
    if (auto* function = dyn_cast<Function>(callee.getCallee())) {
      function->setVisibility(GlobalValue::HiddenVisibility);
      function->setDSOLocal(true);
      function->setDoesNotThrow();
    }
    return callee;
  }

  Constant* external_object(const std::string& name) {
    Constant* object = module_.getOrInsertGlobal(name, word_);
    auto* variable = cast<GlobalVariable>(object);
    variable->setVisibility(GlobalValue::HiddenVisibility);
    variable->setDSOLocal(true);
    return object;
  }

  Module& module_;
  PointerType* pointer_;
  IntegerType* word_;
  bool has_made_code_ = false, has_gone_code_ = false;
};

bool has_code_here(const Function& function) {
  return !function.isDeclaration() && !function.hasAvailableExternallyLinkage() &&
         !function.hasFnAttribute(Attribute::Naked);
}

}  // namespace

PreservedAnalyses PiecePass::run(Module& module, ModuleAnalysisManager&) {
  const Triple target(module.getTargetTriple());
  if (here == nullptr || target.getArch() != Triple::x86_64 || target.isX32() ||
      !target.isOSBinFormatELF())
    return PreservedAnalyses::all();
  Instrumenter instrumenter(module);
  bool is_changed = false;
  for (const auto& each : here->all.all()) {
    const bool is_maker = each->tells_pieces();
    if (!is_maker && each->role != Role::takes_piece_back) continue;
    Function* function = module.getFunction(each->name);
    if (function == nullptr || !has_code_here(*function) ||
        here->all.find(each->name) != each.get())
      continue;
    is_changed = (is_maker ? instrumenter.tell_pieces(*function, *each)
                           : instrumenter.tell_end(*function, *each)) ||
                 is_changed;
  }
  return is_changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

}  // namespace allocs::plugin
