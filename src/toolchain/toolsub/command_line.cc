// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/command_line.h"

#include <algorithm>

#include "toolchain/toolsub/response_file.h"

namespace allocs::toolsub {

namespace {

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

Argument input(const std::string& path, Language language) {
  Argument argument;
  argument.is_input = true;
  argument.language = language;
  argument.words = {path};
  argument.value = path;
  return argument;
}

// Takes one option off `words` at `next`, with its value if that is a word of its own.
Argument take_option(const std::vector<std::string>& words, std::size_t& next) {
  const std::string& word = words[next++];
  Argument option;
  option.rule = rule_for(word);
  option.words = {word};
  if (option.rule == nullptr) return option;
  const std::string_view rest = std::string_view(word).substr(option.rule->name.size());
  const Form form = option.rule->form;
  const bool takes_next =
      form == Form::separate || (form != Form::flag && form != Form::joined && rest.empty());
  if (!takes_next) {
    option.value = form == Form::separate_or_equals ? rest.substr(1) : rest;
  } else if (next < words.size()) {
    option.words.push_back(words[next]);
    option.value = words[next++];
  } else {
    option.lacks_value = true;
  }
  return option;
}

bool is_named(const Argument& argument, std::string_view name) {
  return argument.rule != nullptr && argument.rule->name == name;
}

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// What -c makes of dir/a.c where it is called: a.o
std::string default_product(const std::string& path, std::string_view suffix) {
  std::string name = file_name(path);
  const std::size_t dot = name.rfind('.');
  if (dot != std::string::npos) name.resize(dot);
  return name.append(suffix);
}

// The level that `word` leaves behind when it was `level`; -1: a format other than DWARF.
int level_after(std::string_view word, int level) {
  if (!word.starts_with("-g")) return level;
  const std::string_view rest = word.substr(2);
  const auto digit_or = [&](std::string_view digits, int otherwise) {
    return digits.size() == 1 && digits[0] >= '0' && digits[0] <= '9' ? digits[0] - '0' : otherwise;
  };
  const int at_least_two = std::max(level, 2);
  if (rest.empty() || rest == "full" || rest == "used") return at_least_two;
  if (rest.size() == 1 && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  if (rest == "mlt" || rest == "line-tables-only") return 1;
  if (rest == "line-directives-only") return 0;
  if (rest.starts_with("dwarf")) return at_least_two;
  for (const std::string_view tuned : {"gdb", "lldb", "sce", "dbx"}) {
    if (rest.starts_with(tuned)) return digit_or(rest.substr(tuned.size()), at_least_two);
  }
  for (const std::string_view format : {"stabs", "coff", "xcoff", "vms", "codeview"}) {
    if (rest.starts_with(format)) return -1;
  }
  return level;  // -gz, -gsplit-dwarf, -gno-...: not about how much
}

}  // namespace

CommandLine::CommandLine(std::vector<std::string> words, bool is_cxx_driver)
    : words_(std::move(words)), is_cxx_driver_(is_cxx_driver) {
  parse(expand_response_files(words_));
  work_ = find_work();
}

void CommandLine::parse(const std::vector<std::string>& words) {
  std::string forced;  // by -x; empty: by suffix
  const auto language_of = [&](const std::string& path) {
    const auto named = forced.empty() ? std::nullopt : language_named(forced);
    return named ? *named : language_of_file(path, is_cxx_driver_);
  };
  bool only_inputs = false;
  for (std::size_t next = 0; next < words.size();) {
    const std::string& word = words[next];
    if (only_inputs || !is_option(word)) {
      arguments_.push_back(input(word, language_of(word)));
      ++next;
    } else if (word == "--") {
      only_inputs = true;
      Argument end;
      end.words = {word};
      arguments_.push_back(end);
      ++next;
    } else {
      arguments_.push_back(take_option(words, next));
      const Argument& option = arguments_.back();
      if (option.rule != nullptr && option.rule->purpose == Purpose::language)
        forced = option.value;
    }
  }
}

Work CommandLine::find_work() const {
  Work work = Work::link;
  const auto no_later_than = [&](Work other) { work = std::min(work, other); };
  for (const Argument& argument : arguments_) {
    if (argument.rule == nullptr) continue;
    const std::string_view name = argument.rule->name;
    if (argument.rule->purpose == Purpose::information || name == "-cc1") {
      no_later_than(Work::none);
    } else if (argument.rule->purpose != Purpose::stop || name == "-###") {
      continue;
    } else if (name == "-c" || name == "--compile") {
      no_later_than(Work::objects);
    } else if (name == "-S" || name == "--assemble") {
      no_later_than(Work::assembly_code);
    } else if (name == "-E" || name == "--preprocess") {
      no_later_than(Work::preprocess);
    } else if (name.starts_with("-M") || name.ends_with("dependencies")) {
      no_later_than(Work::dependencies);
    } else {
      no_later_than(Work::check);
    }
  }
  if (!has_inputs() || arguments_.back().lacks_value) return Work::none;
  if (work == Work::link) {
    // A header alone is precompiled, without -c.
    const bool all_headers = std::ranges::all_of(
        arguments_, [](const Argument& a) { return !a.is_input || is_header(a.language); });
    if (all_headers && std::ranges::any_of(arguments_, &Argument::is_input))
      return Work::precompile;
  }
  return work;
}

std::vector<Product> CommandLine::products() const {
  const std::string* output = last_value("-o");
  if (const std::string* other = last_value("--output"); output == nullptr) output = other;
  std::vector<Product> products;
  if (work_ == Work::link) {
    products.push_back({0, Language::linked, output != nullptr ? *output : "a.out"});
    return products;
  }
  if (work_ != Work::objects && work_ != Work::assembly_code) return products;
  const std::string_view suffix = work_ == Work::objects ? ".o" : ".s";
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const Argument& argument = arguments_[i];
    if (!argument.is_input || argument.language == Language::linked) continue;
    if (is_header(argument.language)) continue;  // precompiled
    if (work_ == Work::assembly_code && argument.language == Language::assembler) continue;
    std::string path = output != nullptr ? *output : default_product(argument.value, suffix);
    if (path == "-") path.clear();
    products.push_back({i, argument.language, std::move(path)});
  }
  return products;
}

bool CommandLine::has(std::string_view word) const {
  return std::ranges::any_of(arguments_, [&](const Argument& argument) {
    return !argument.is_input && argument.words[0] == word;
  });
}

const std::string* CommandLine::last_value(std::string_view name) const {
  const std::string* value = nullptr;
  for (const Argument& argument : arguments_) {
    if (is_named(argument, name)) value = &argument.value;
  }
  return value;
}

std::vector<std::string> CommandLine::linker_words() const {
  std::vector<std::string> words;
  for (const Argument& argument : arguments_) {
    if (is_named(argument, "-Xlinker") || is_named(argument, "--for-linker")) {
      words.push_back(argument.value);
    } else if (is_named(argument, "-Wl,")) {
      std::size_t from = 0;
      for (;;) {
        const std::size_t comma = argument.value.find(',', from);
        words.push_back(argument.value.substr(from, comma - from));
        if (comma == std::string::npos) break;
        from = comma + 1;
      }
    }
  }
  return words;
}

int CommandLine::debug_level() const {
  int level = 0;
  for (const Argument& argument : arguments_) {
    if (argument.is_input) continue;
    level = argument.words[0].starts_with("--debug") ? std::max(level, 2)
                                                     : level_after(argument.words[0], level);
    if (level < 0) return level;
  }
  return level;
}

std::size_t CommandLine::compiled_inputs() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      arguments_, [](const Argument& a) { return a.is_input && is_compiled(a.language); }));
}

bool CommandLine::has_inputs() const {
  return std::ranges::any_of(arguments_,
                             [](const Argument& a) { return a.is_input || is_named(a, "-l"); });
}

std::vector<std::string> with_words_at_end(const std::vector<std::string>& line,
                                           const std::vector<std::string>& words) {
  std::vector<std::string> all = line;
  const auto end_of_options = std::ranges::find(all, "--");
  // Behind "--" a word is an input whatever it looks like; if none looks like something else, "--" can go.
  const bool needs_it = end_of_options != all.end() &&
                        std::any_of(end_of_options + 1, all.end(), [](const std::string& word) {
                          return word.starts_with('-') || word.starts_with('@');
                        });
  if (needs_it) {
    all.insert(end_of_options, words.begin(), words.end());
    return all;
  }
  if (end_of_options != all.end()) all.erase(end_of_options);
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

}  // namespace allocs::toolsub
