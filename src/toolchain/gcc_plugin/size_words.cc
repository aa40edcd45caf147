// SPDX-License-Identifier: Apache-2.0
#include "toolchain/gcc_plugin/size_words.h"

#include <cctype>
#include <fstream>
#include <iterator>

// Front ends without a preprocessor of C load this plugin too.
#pragma weak parse_in
#pragma weak cpp_get_callbacks
#pragma weak cpp_get_options
#pragma weak cpp_forall_identifiers
#pragma weak cpp_lookup

namespace allocs::gcc_plugin {

namespace {

constexpr std::string_view kSizeWords[] = {"sizeof", "offsetof", "__builtin_offsetof"};

bool is_size_word(std::string_view name) {
  for (const std::string_view word : kSizeWords) {
    if (name == word) return true;
  }
  return false;
}

std::string_view name_of(const cpp_hashnode* node) {
  return {reinterpret_cast<const char*>(NODE_NAME(node)), NODE_LEN(node)};
}

bool begins_identifier(char c) { return ISALPHA(c) || c == '_' || c == '$' || (c & 0x80) != 0; }
bool is_in_identifier(char c) { return begins_identifier(c) || ISDIGIT(c); }

SizeWords* g_undefined_for = nullptr;
void (*g_undefined_before)(cpp_reader*, location_t, cpp_hashnode*) = nullptr;

}  // namespace

// Tokens of a text, as far as they matter here: identifiers, and single characters that are in no comment and no literal.
class SizeWords::Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  // The next one; empty at the end.
  std::string_view next() {
    for (;;) {
      if (text_.empty()) return {};
      const char c = text_[0];
      if (text_.substr(0, 2) == "/*") {
        skip_to("*/");
      } else if (text_.substr(0, 2) == "//") {
        skip_to("\n");
      } else if (c == '"' || c == '\'') {
        skip_literal(c);
      } else if (begins_identifier(c)) {
        return take(length_while(is_in_identifier));
      } else if (ISDIGIT(c)) {
        text_.remove_prefix(length_while([](char x) { return is_in_identifier(x) || x == '.'; }));
      } else if (ISSPACE(c)) {
        text_.remove_prefix(1);
      } else {
        return take(1);
      }
    }
  }
  // Whether what comes next on this line is an include.
  bool is_include() const {
    std::size_t at = 0;
    while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t')) ++at;
    return text_.substr(at, 7) == "include";
  }

 private:
  template <typename Is>
  std::size_t length_while(Is is) const {
    std::size_t n = 0;
    while (n < text_.size() && is(text_[n])) ++n;
    return n;
  }
  std::string_view take(std::size_t n) {
    const std::string_view taken = text_.substr(0, n);
    text_.remove_prefix(n);
    return taken;
  }
  void skip_to(std::string_view end) {
    const std::size_t at = text_.find(end, 2);
    text_.remove_prefix(at == text_.npos ? text_.size() : at + end.size());
  }
  void skip_literal(char quote) {
    std::size_t at = 1;
    while (at < text_.size() && text_[at] != quote && text_[at] != '\n')
      at += text_[at] == '\\' ? 2 : 1;
    text_.remove_prefix(std::min(at + 1, text_.size()));
  }

  std::string_view text_;
};

void SizeWords::begin() {
  if (&parse_in == nullptr || parse_in == nullptr) return;
  g_undefined_for = this;
  cpp_callbacks* const callbacks = cpp_get_callbacks(parse_in);
  g_undefined_before = callbacks->undef;
  callbacks->undef = undefined;
}

void SizeWords::undefined(cpp_reader* reader, location_t at, cpp_hashnode* node) {
  if (cpp_user_macro_p(node)) g_undefined_for->undefine(node);
  if (g_undefined_before != nullptr) g_undefined_before(reader, at, node);
}

void SizeWords::undefine(cpp_hashnode* node) {
  const cpp_macro* const macro = node->value.macro;
  std::vector<std::string>& names = undefined_[std::string(name_of(node))];
  const bool is_plain = macro != nullptr && macro->kind == cmk_macro;
  for (unsigned i = 0; is_plain && i < macro->count; ++i) {
    const cpp_token& token = macro->exp.tokens[i];
    if (token.type == CPP_NAME) names.emplace_back(name_of(token.val.node.node));
    if ((token.flags & PASTE_LEFT) != 0) names.emplace_back(kSizeWords[0]);
  }
  if (!is_plain) names.emplace_back(kSizeWords[0]);
}

void SizeWords::saw_type(tree type) {
  if (TREE_CODE(type) != ENUMERAL_TYPE || TYPE_VALUES(type) == NULL_TREE) return;
  tree declaration = TYPE_STUB_DECL(type);
  const location_t at =
      declaration == NULL_TREE ? UNKNOWN_LOCATION : DECL_SOURCE_LOCATION(declaration);
  if (in_system_header_at(at) || (at != UNKNOWN_LOCATION && !seen_.insert(at).second)) return;
  std::vector<std::string> names;
  for (tree each = TYPE_VALUES(type); each != NULL_TREE; each = TREE_CHAIN(each))
    names.emplace_back(IDENTIFIER_POINTER(TREE_PURPOSE(each)));
  enumerations_.push_back({at, std::move(names)});
}

void SizeWords::saw_variable(tree variable) {
  if (TREE_CODE(variable) != VAR_DECL || DECL_INITIAL(variable) == NULL_TREE ||
      !DECL_FILE_SCOPE_P(variable) || DECL_NAME(variable) == NULL_TREE)
    return;
  const location_t at = DECL_SOURCE_LOCATION(variable);
  if (!in_system_header_at(at)) variables_.push_back({at, IDENTIFIER_POINTER(DECL_NAME(variable))});
}

const SizeWords::File& SizeWords::file_at(const char* path) {
  const auto [known, is_new] = files_.try_emplace(path);
  File& file = known->second;
  if (!is_new) return file;
  std::ifstream stream(path, std::ios::binary);
  file.content.assign(std::istreambuf_iterator<char>(stream), {});
  std::size_t at = 0;
  do {
    file.lines.push_back(at);
    at = file.content.find('\n', at) + 1;
  } while (at != 0);
  return file;
}

// All of the file from there on; empty: it cannot be told.
std::string_view SizeWords::text_from(location_t at) {
  if (at <= BUILTINS_LOCATION || linemap_location_from_macro_expansion_p(line_table, at)) return {};
  const expanded_location place = expand_location(at);
  if (place.file == nullptr || place.line < 1 || place.column < 1) return {};
  const File& file = file_at(place.file);
  const auto line = static_cast<std::size_t>(place.line - 1);
  if (line >= file.lines.size()) return {};
  const std::size_t offset = file.lines[line] + static_cast<std::size_t>(place.column - 1);
  return offset < file.content.size() ? std::string_view(file.content).substr(offset)
                                      : std::string_view{};
}

namespace {

// From what the text begins with to the end of the braces that it opens first, or, if `ends` comes before any, to there.
std::string_view braced(std::string_view text, auto&& scan, char ends) {
  int depth = 0;
  for (std::string_view token = scan.next(); !token.empty(); token = scan.next()) {
    if (token == "{") ++depth;
    if (token == "}" && --depth <= 0 && ends == '\0')
      return text.substr(0, static_cast<std::size_t>(token.end() - text.begin()));
    if (depth == 0 && token[0] == ends)
      return text.substr(0, static_cast<std::size_t>(token.end() - text.begin()));
  }
  return {};
}

}  // namespace

void SizeWords::read_declarations() {
  has_read_declarations_ = true;
  cgraph_node* node;
  FOR_EACH_FUNCTION(node) {
    tree function = node->decl;
    const struct function* const body = DECL_STRUCT_FUNCTION(function);
    if (body == nullptr || DECL_NAME(function) == NULL_TREE) continue;
    functions_.emplace(IDENTIFIER_POINTER(DECL_NAME(function)),
                       Function{body->function_start_locus, body->function_end_locus,
                                bool{INTEGRAL_TYPE_P(TREE_TYPE(TREE_TYPE(function)))}});
  }
  // In their order: each may use what was before it.
  for (const Enumeration& enumeration : enumerations_) {
    const std::string_view text = text_from(enumeration.at);
    const std::string_view all = braced(text, Scan(text), '\0');
    if (!all.empty() && !text_has(all)) continue;
    sized_names_.insert(enumeration.names.begin(), enumeration.names.end());
  }
  for (const Variable& variable : variables_) {
    const std::string_view text = text_from(variable.at);
    const std::string_view all = braced(text, Scan(text), ';');
    if (all.empty() || text_has(all)) sized_names_.insert(variable.name);
  }
  known_macros_.clear();
  known_bodies_.clear();
}

bool SizeWords::are_in(tree function) {
  if (&parse_in == nullptr || parse_in == nullptr || cpp_get_options(parse_in)->preprocessed)
    return true;
  if (!has_read_declarations_) read_declarations();
  const struct function* const body = DECL_STRUCT_FUNCTION(function);
  return body == nullptr || body_has({body->function_start_locus, body->function_end_locus, false});
}

bool SizeWords::body_has(const Function& function) {
  const auto [known, is_new] =
      known_bodies_.try_emplace(function.begin, false);  // recursion ends here
  if (!is_new) return known->second;
  const std::string_view from = text_from(function.begin), to = text_from(function.end);
  const bool is_body = !from.empty() && !to.empty() && from.end() == to.end() &&
                       from.size() > to.size() && from[0] == '{' && to[0] == '}';
  const bool has = !is_body || text_has(from.substr(0, from.size() - to.size()));
  if (has) forget_what_is_not();
  known_bodies_[function.begin] = has;
  return has;
}

bool SizeWords::text_has(std::string_view text) {
  Scan scan(text);
  for (std::string_view token = scan.next(); !token.empty(); token = scan.next()) {
    if (token == "#" && scan.is_include()) return true;
    if (begins_identifier(token[0]) && name_has(token)) return true;
  }
  return false;
}

bool SizeWords::name_has(std::string_view name) {
  const std::string text(name);
  if (is_size_word(name) || sized_names_.count(text) != 0) return true;
  if (const auto past = undefined_.find(text); past != undefined_.end()) {
    const std::vector<std::string> names = std::move(past->second);
    undefined_.erase(past);  // it may name itself
    for (const std::string& each : names) {
      if (!name_has(each)) continue;
      sized_names_.insert(text);
      return true;
    }
  }
  cpp_hashnode* const node =
      cpp_lookup(parse_in, reinterpret_cast<const unsigned char*>(name.data()),
                 static_cast<unsigned>(name.size()));
  if (cpp_user_macro_p(node) && macro_has(node)) return true;
  const auto function = functions_.find(text);
  return function != functions_.end() && function->second.returns_number &&
         body_has(function->second);
}

bool SizeWords::macro_has(cpp_hashnode* node) {
  const auto [known, is_new] = known_macros_.try_emplace(node, false);  // recursion ends here
  if (!is_new) return known->second;
  const cpp_macro* const macro = node->value.macro;
  const auto decide = [&] {
    if (macro == nullptr || macro->kind != cmk_macro) return true;
    for (unsigned i = 0; i < macro->count; ++i) {
      const cpp_token& token = macro->exp.tokens[i];
      const bool is_name = token.type == CPP_NAME;
      if (is_name && name_has(name_of(token.val.node.node))) return true;
      if ((token.flags & PASTE_LEFT) == 0) continue;
      const cpp_token& next = macro->exp.tokens[i + 1];
      const std::string_view prefix = is_name ? name_of(token.val.node.node) : std::string_view{};
      const std::string_view suffix =
          next.type == CPP_NAME ? name_of(next.val.node.node) : std::string_view{};
      if (some_name_has(prefix, suffix)) return true;
    }
    return false;
  };
  const bool has = decide();
  if (has) forget_what_is_not();
  known_macros_[node] = has;
  return has;
}

// Answers that a recursion has cut short may have been another, had this one been known.
void SizeWords::forget_what_is_not() {
  const auto is_not = [](const auto& known) { return !known.second; };
  std::erase_if(known_bodies_, is_not);
  std::erase_if(known_macros_, is_not);
}

// Of those that the operator ## can make of parts.
bool SizeWords::some_name_has(std::string_view prefix, std::string_view suffix) {
  struct Search {
    SizeWords& words;
    std::string_view prefix, suffix;
    bool is_found;
  } search{*this, prefix, suffix, prefix.empty() && suffix.empty()};
  if (search.is_found) return true;
  cpp_forall_identifiers(
      parse_in,
      [](cpp_reader*, cpp_hashnode* node, void* context) {
        Search& in = *static_cast<Search*>(context);
        const std::string_view name = name_of(node);
        const bool fits = name.size() >= in.prefix.size() + in.suffix.size() &&
                          name.substr(0, in.prefix.size()) == in.prefix &&
                          name.substr(name.size() - in.suffix.size()) == in.suffix;
        in.is_found |= fits && in.words.name_has(name);
        return in.is_found ? 0 : 1;
      },
      &search);
  return search.is_found;
}

}  // namespace allocs::gcc_plugin
