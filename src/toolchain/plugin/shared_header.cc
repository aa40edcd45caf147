// SPDX-License-Identifier: Apache-2.0
//
// When is a header read for its own sake?
//
// That costs as much as one unit, and is in vain for a header that only one unit begins with. So not the first unit that begins with a header
// reads it, but the second, or the next after the header has changed. A reading of which nothing can be kept (a header that was written a moment ago, or
// that cannot be shared) is tried again by later units, each time after twice as long.
#include "toolchain/plugin/shared_header.h"

#include <clang/Lex/PreprocessorOptions.h>
#include <llvm/Support/Path.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "toolchain/plugin/memo_key.h"
#include "toolchain/plugin/recorded_environment.h"

namespace allocs::plugin {

using namespace clang;

namespace {

constexpr memo::Store::Limits kLimits{.all = std::uint64_t{256} << 20,
                                      .one = std::uint64_t{16} << 20};

constexpr std::uint64_t kSecond = 1'000'000'000;  // ns

void skip_comment(std::string_view& text) {
  const bool is_line = text[1] == '/';
  const std::size_t end = text.find(is_line ? "\n" : "*/", 2);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + (is_line ? 1 : 2));
}

void skip_blanks_and_comments(std::string_view& text, std::string_view blanks) {
  for (;;) {
    const std::size_t n = std::min(text.find_first_not_of(blanks), text.size());
    text.remove_prefix(n);
    if (!text.starts_with("//") && !text.starts_with("/*")) return;
    skip_comment(text);
  }
}

// The name, with its quotes or brackets, of what the first line of C that is not a comment includes. Empty if it does something else, or is
// written in an unusual way.
std::string_view first_included(std::string_view text) {
  skip_blanks_and_comments(text, " \t\n\r\f");
  if (!text.starts_with('#')) return {};
  text.remove_prefix(1);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  if (!text.starts_with("include")) return {};
  text.remove_prefix(7);
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  const char close = text.starts_with('"') ? '"' : text.starts_with('<') ? '>' : '\0';
  if (close == '\0') return {};
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::size_t end = line.find(close, 1);
  if (end == std::string_view::npos || line.find_first_of("\\?") != std::string_view::npos)
    return {};
  const std::string_view rest = line.substr(end + 1);
  const std::size_t next = rest.find_first_not_of(" \t\r");
  const bool is_all = next == std::string_view::npos || rest.substr(next).starts_with("//") ||
                      (rest.substr(next).starts_with("/*") && rest.ends_with("*/"));
  return is_all ? line.substr(0, end + 1) : std::string_view{};
}

bool is_plain_c(const CompilerInvocation& invocation) {
  const auto& inputs = invocation.getFrontendOpts().Inputs;
  const PreprocessorOptions& options = invocation.getPreprocessorOpts();
  return inputs.size() == 1 && inputs[0].isFile() && !inputs[0].isPreprocessed() &&
         inputs[0].getKind().getLanguage() == Language::C && !invocation.getLangOpts().Modules &&
         options.Includes.empty() && options.MacroIncludes.empty() &&
         options.ImplicitPCHInclude.empty();
}

}  // namespace

SharedHeader::SharedHeader(std::vector<const char*> command) : command_(std::move(command)) {
  const std::string directory = memo_directory("headers");
  if (directory.empty() || command_.empty()) return;
  const std::vector<std::string_view> words(command_.begin(), command_.end() - 1);
  const auto setting = memo_key(words, 0);
  if (!setting) return;
  setting_ = *setting;
  memo_.emplace(memo::Store(directory, kLimits));
}

bool SharedHeader::put_before(CompilerInvocation& invocation, FileSystem& files,
                              memo::DependencyRecord& record) {
  if (!memo_ || !is_plain_c(invocation)) return false;
  const StringRef unit = invocation.getFrontendOpts().Inputs[0].getFile();
  if (unit != command_.back()) return false;
  const auto text = files->getBufferForFile(unit);
  if (!text) return false;
  const std::string_view included =
      first_included({(*text)->getBufferStart(), (*text)->getBufferSize()});
  if (included.empty()) return false;

  // In the unit's directory, where a name in quotes is looked for first.
  llvm::SmallString<256> path = llvm::sys::path::parent_path(unit);
  llvm::sys::path::append(path, ".allocs-first-include.h");
  const std::string only = "#include " + std::string(included) + "\n";
  const VirtualFile source{path.str().str(), only};
  Hasher hasher;
  hasher.add(setting_);
  hasher.add(std::string_view(source.path));
  hasher.add(source.content);
  auto header = entry(hasher.finish(), source, record);
  if (!header) return false;
  record.used(header->entry.dependencies, header->entry.state);
  const VirtualFile parsed{source.path + ".pch", header->entry.text};
  content_ = std::move(header->content);
  source_ = only;
  files = with_files(files, {{source.path, source_}, parsed});
  PreprocessorOptions& options = invocation.getPreprocessorOpts();
  options.ImplicitPCHInclude = parsed.path;
  options.DisablePCHOrModuleValidation = DisableValidationForModuleKind::PCH;  // the memo's task
  return true;
}

std::optional<memo::Memo::Recalled> SharedHeader::entry(const Hash128& key,
                                                        const VirtualFile& source,
                                                        memo::DependencyRecord& record) const {
  if (auto known = memo_->recall_entry(key)) return known;
  Hasher hasher;
  hasher.add(key);
  hasher.add(std::string_view("attempts"));
  const Hash128 account = hasher.finish();
  if (!is_worth_reading(account)) return std::nullopt;
  memo::DependencyRecord own;
  const std::uint64_t began_ns = now_ns();
  record_environment(&own);
  auto parsed = parse_header(command_, source, own);
  record_environment(&record);
  if (!parsed) return std::nullopt;
  memo_->remember(key, {true, std::move(*parsed)}, own, began_ns);
  auto kept = memo_->recall_entry(key);
  if (kept) note(account, {1, began_ns / kSecond});  // from the beginning, once it has changed
  return kept;
}

// "COUNT LAST"
SharedHeader::Attempts SharedHeader::parse(std::string_view text) {
  Attempts attempts;
  const char* end = text.data() + text.size();
  const auto count = std::from_chars(text.data(), end, attempts.count);
  if (count.ec != std::errc{} || count.ptr == end) return {};
  std::from_chars(count.ptr + 1, end, attempts.last);
  return attempts;
}

bool SharedHeader::is_worth_reading(const Hash128& account) const {
  const auto known = memo_->recall(account);
  const Attempts before = known ? parse(known->text) : Attempts{};
  const std::uint64_t now = now_ns() / kSecond;
  const std::uint64_t wait =
      before.count < 2 ? 0 : std::uint64_t{1} << std::min<std::uint64_t>(before.count, 20);
  const bool is_early = now >= before.last && now - before.last < wait;
  if (!is_early) note(account, {before.count + 1, now});
  return before.count > 0 && !is_early;
}

void SharedHeader::note(const Hash128& account, const Attempts& attempts) const {
  memo_->remember(account,
                  {true, std::to_string(attempts.count) + ' ' + std::to_string(attempts.last)}, {},
                  now_ns());
}

}  // namespace allocs::plugin
