// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/type_names.h"

#include <clang/AST/DeclTemplate.h>
#include <clang/Basic/SourceManager.h>
#include <llvm/Support/Path.h>

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr int kDeepest = 24;

class Namer {
 public:
  explicit Namer(const ASTContext& context) : context_(context) {}

  std::string canonical(QualType type, int depth = 0) const {
    if (depth > kDeepest) return "void";
    type = type.getCanonicalType().getUnqualifiedType();
    if (const auto* atomic = dyn_cast<AtomicType>(type))
      return canonical(atomic->getValueType(), depth);
    if (const auto* base = dyn_cast<BuiltinType>(type)) return builtin(base);
    if (const auto* complex = dyn_cast<ComplexType>(type)) {
      const auto* part = dyn_cast<BuiltinType>(complex->getElementType().getCanonicalType());
      if (part == nullptr || !part->isFloatingPoint()) return "complex_int$" + bits(type);
      return std::string{"complex_"} + float_stem(part) + bits(type);
    }
    if (const auto* array = context_.getAsArrayType(type)) {
      const auto* fixed = dyn_cast<ConstantArrayType>(array);
      return "__ARR" + std::to_string(fixed == nullptr ? 0 : fixed->getZExtSize()) + "_" +
             canonical(array->getElementType(), depth + 1);
    }
    if (const auto* pointer = dyn_cast<PointerType>(type))
      return "__PTR_" + canonical(pointer->getPointeeType(), depth + 1);
    if (const auto* reference = dyn_cast<ReferenceType>(type)) {
      return (isa<LValueReferenceType>(reference) ? "__REF_" : "__RR_") +
             canonical(reference->getPointeeType(), depth + 1);
    }
    if (const auto* member = dyn_cast<MemberPointerType>(type))
      return "__MEMPTR_" + canonical(member->getPointeeType(), depth + 1);
    if (const auto* function = dyn_cast<FunctionType>(type)) return signature(function, depth);
    if (const auto* tagged = dyn_cast<TagType>(type)) return tag(tagged->getDecl());
    return "void";
  }

 private:
  std::string bits(QualType type) const { return std::to_string(context_.getTypeSize(type)); }

  // Numbers of one size have several formats.
  const char* float_stem(const BuiltinType* type) const {
    const llvm::fltSemantics& format = context_.getFloatTypeSemantics(QualType{type, 0});
    if (&format == &llvm::APFloat::IEEEquad()) return "binary128$";
    if (&format == &llvm::APFloat::BFloat()) return "bfloat16$";
    return "float$";
  }

  std::string builtin(const BuiltinType* type) const {
    const std::string size = type->isVoidType() ? "" : bits(QualType{type, 0});
    switch (type->getKind()) {
      case BuiltinType::Void:
        return "void";
      case BuiltinType::Bool:
        return "boolean$" + size;
      case BuiltinType::Char_S:
      case BuiltinType::SChar:
        return "signed_char$" + size;
      case BuiltinType::Char_U:
      case BuiltinType::UChar:
        return "unsigned_char$" + size;
      case BuiltinType::Char8:
      case BuiltinType::Char16:
      case BuiltinType::Char32:
        return "utf$" + size;
      case BuiltinType::NullPtr:
        return "address$" + size;
      default:
        break;
    }
    if (type->isFloatingPoint()) return float_stem(type) + size;
    return (type->isSignedInteger() ? "int$" : "uint$") + size;
  }

  std::string signature(const FunctionType* type, int depth) const {
    std::string name = "__FUN_FROM_";
    if (const auto* prototype = dyn_cast<FunctionProtoType>(type)) {
      unsigned number = 0;
      for (const QualType parameter : prototype->getParamTypes())
        name += "__ARG" + std::to_string(number++) + "_" + canonical(parameter, depth + 1);
      if (prototype->isVariadic()) name += "__VA_";
    }
    return name + "__FUN_TO_" + canonical(type->getReturnType(), depth + 1);
  }

  // With its scopes. In C there are none.
  std::string tag(const TagDecl* declaration) const {
    const std::string own = own_name(declaration);
    if (!context_.getLangOpts().CPlusPlus) return own;
    return scopes(declaration->getDeclContext()) + own;
  }

  std::string scopes(const DeclContext* scope) const {
    std::string names;
    for (; scope != nullptr && !scope->isTranslationUnit(); scope = scope->getParent()) {
      std::string name;
      if (const auto* space = dyn_cast<NamespaceDecl>(scope)) {
        name = space->isAnonymousNamespace() ? "(anonymous namespace)" : space->getName().str();
      } else if (const auto* record = dyn_cast<TagDecl>(scope)) {
        name = own_name(record);
      } else if (const auto* function = dyn_cast<FunctionDecl>(scope)) {
        name = function->getNameAsString();
      } else {
        continue;
      }
      names = name + "::" + names;
    }
    return names;
  }

  std::string own_name(const TagDecl* declaration) const {
    std::string name;
    if (declaration->getIdentifier() != nullptr) {
      name = declaration->getName().str();
    } else if (const TypedefNameDecl* alias = declaration->getTypedefNameForAnonDecl()) {
      name = alias->getName().str();
    } else {
      const SourceManager& sources = context_.getSourceManager();
      const PresumedLoc at =
          sources.getPresumedLoc(sources.getExpansionLoc(declaration->getLocation()));
      name = "__anon_" + declaration->getKindName().str() + "_";
      if (at.isValid())
        name +=
            llvm::sys::path::filename(at.getFilename()).str() + "_" + std::to_string(at.getLine());
    }
    if (const auto* instance = dyn_cast<ClassTemplateSpecializationDecl>(declaration))
      name += arguments(instance->getTemplateArgs().asArray());
    return name;
  }

  // "<int, std::allocator<int> >"
  std::string arguments(llvm::ArrayRef<TemplateArgument> list) const {
    std::string text;
    add_arguments(list, text);
    if (!text.empty() && text.back() == '>') text += ' ';
    return "<" + text + ">";
  }

  void add_arguments(llvm::ArrayRef<TemplateArgument> list, std::string& text) const {
    for (const TemplateArgument& argument : list) {
      if (argument.getKind() == TemplateArgument::Pack) {
        add_arguments(argument.pack_elements(), text);
        continue;
      }
      if (!text.empty()) text += ", ";
      text += spelled(argument);
    }
  }

  std::string spelled(const TemplateArgument& argument) const {
    switch (argument.getKind()) {
      case TemplateArgument::Type:
        return spelled(argument.getAsType(), 0);
      case TemplateArgument::Integral: {
        const QualType type = argument.getIntegralType();
        llvm::SmallString<24> digits;
        argument.getAsIntegral().toString(digits, 10);
        if (type->isBooleanType()) return argument.getAsIntegral().isZero() ? "false" : "true";
        if (type->isEnumeralType()) return "(" + spelled(type, 0) + ")" + digits.str().str();
        return digits.str().str();
      }
      case TemplateArgument::NullPtr:
        return "nullptr";
      default: {
        std::string text;
        llvm::raw_string_ostream out{text};
        argument.print(PrintingPolicy{context_.getLangOpts()}, out, false);
        return text;
      }
    }
  }

  // As gcc writes a type in the name of another one.
  std::string spelled(QualType type, int depth) const {
    if (depth > kDeepest) return "...";
    type = type.getCanonicalType();
    std::string qualifiers;
    if (type.isConstQualified()) qualifiers += "const ";
    if (type.isVolatileQualified()) qualifiers += "volatile ";
    if (const auto* tagged = dyn_cast<TagType>(type)) return qualifiers + tag(tagged->getDecl());
    if (const auto* base = dyn_cast<BuiltinType>(type)) return qualifiers + gcc_word(base);
    if (const auto* pointer = dyn_cast<PointerType>(type)) {
      if (!pointer->getPointeeType()->isFunctionType()) {
        std::string text = spelled(pointer->getPointeeType(), depth + 1) + "*";
        if (!qualifiers.empty()) text += " " + qualifiers.substr(0, qualifiers.size() - 1);
        return text;
      }
    }
    if (const auto* reference = dyn_cast<ReferenceType>(type)) {
      return spelled(reference->getPointeeType(), depth + 1) +
             (isa<LValueReferenceType>(reference) ? "&" : "&&");
    }
    PrintingPolicy policy{context_.getLangOpts()};
    policy.SuppressTagKeyword = true;
    return type.getAsString(policy);
  }

  std::string gcc_word(const BuiltinType* type) const {
    switch (type->getKind()) {
      case BuiltinType::Short:
        return "short int";
      case BuiltinType::UShort:
        return "short unsigned int";
      case BuiltinType::Long:
        return "long int";
      case BuiltinType::ULong:
        return "long unsigned int";
      case BuiltinType::LongLong:
        return "long long int";
      case BuiltinType::ULongLong:
        return "long long unsigned int";
      default:
        return type->getName(PrintingPolicy{context_.getLangOpts()}).str();
    }
  }

  const ASTContext& context_;
};

}  // namespace

std::string canonical_name(QualType type, const ASTContext& context) {
  return Namer{context}.canonical(type);
}

const TagDecl* tag_in(QualType type, const ASTContext& context) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    if (const auto* array = context.getAsArrayType(type)) {
      type = array->getElementType();
    } else if (const QualType pointee = type->getPointeeType(); !pointee.isNull()) {
      type = pointee;
    } else {
      return type->getAsTagDecl();
    }
  }
  return nullptr;
}

}  // namespace allocs::plugin
