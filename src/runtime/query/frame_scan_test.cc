// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/frame_scan.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "types/test_image.h"
#include "types/type_hash.h"

namespace allocs::query {
namespace {

using types::LocationKind;
using types::Table;

// Three frames of 64 bytes, innermost first: inner (0x1000), middle (0x1100), outer (0x1200), each at the 0x20th byte of its function. The return
// address is right below the canonical frame address; what else is saved the test says.
constexpr std::uint64_t kStack = 0x7000'00000000, kFrame = 64;
constexpr std::uint64_t cfa_of(unsigned frame) { return kStack + kFrame * (frame + 1); }

struct Stack {
  std::uint64_t words[3 * kFrame / 8] = {};

  std::uint64_t& at(std::uint64_t address) { return words[(address - kStack) / 8]; }
  const std::byte* view(Address at, std::size_t size) const {
    if (raw(at) < kStack || raw(at) + size > kStack + sizeof words) return nullptr;
    return reinterpret_cast<const std::byte*>(words) + (raw(at) - kStack);
  }
};

struct Rules {
  std::map<std::uint64_t, elf::UnwindRule> by_function;

  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    const auto found = by_function.find(raw(pc) & ~std::uint64_t{0xFF});
    return found == by_function.end() ? std::nullopt : std::optional(found->second);
  }
};

elf::UnwindRule rule_of_frame() {
  elf::UnwindRule rule;
  rule.cfa_register = elf::kRsp;
  rule.cfa_offset = kFrame;
  rule.cfa_is_expression = false;
  rule.specified = rule.in_common_entry = 0;
  rule.is_signal_frame = false;
  rule.return_register = elf::kRip;
  return rule;
}
void save(elf::UnwindRule& rule, unsigned reg, std::int32_t offset) {
  rule.specified |= 1u << reg;
  rule.how[reg] = elf::Saved::at_cfa_offset;
  rule.where[reg] = offset;
}

struct FakeProcess {
  Object object{};
  TypeMaker maker{};
  bool has_object = true;

  TrustedMemory tables() const { return {}; }
  TrustedMemory host() const { return {}; }
  TrustedMemory blocks() const { return {}; }
  bool knows_virtual_tables() const { return false; }
  bool may_look_into_blocks() const { return false; }
  bool may_look_if_waiting() const { return false; }
  const index::Root* root() const { return nullptr; }
  const TypeMaker& types() const { return maker; }
  const Object* find_object(Address at) const {
    return has_object && object.range.contains(at) ? &object : nullptr;
  }
  bool may_be_object(Address) const { return false; }
  const Object* find_instance(std::uint32_t) const { return nullptr; }
  SiteFacts site_facts(std::uint32_t) const { return {}; }
  FrameFacts frame_facts(const runt::Frame& frame) const { return read_frame_facts(*this, frame); }
  Answer query_stacks(Address) const { return {}; }
  Answer stack_at(Address) const { return {}; }
  bool runs_on(AddressRange) const { return false; }
  bool may_hold_frames(AddressRange) const { return false; }
  bool finds_new_objects() const { return false; }
  const InitialStack* initial_stack() const { return nullptr; }
  std::optional<MappingView> mapping_of(Address) const { return std::nullopt; }
  uniqtype* type_of_mapping(const MappingView&) const { return nullptr; }
  bool knows_mappings() const { return false; }
  Answer nested_at(const Answer&, Address) const { return {}; }
  std::optional<MadeCode> made_code_at(Address) const { return std::nullopt; }
  Answer query_own(Address) const { return {}; }
};
static_assert(Process<FakeProcess>);

class FrameScanTest : public testing::Test {
 protected:
  enum Frame : unsigned { kInner, kMiddle, kOuter };

  FrameScanTest() {
    interner_->open({.allocate = [](std::size_t n) { return std::calloc(1, n); }});
    for (unsigned frame = kInner; frame <= kOuter; ++frame) {
      rules_.by_function.emplace(0x1000 + 0x100 * frame, rule_of_frame());
      save(rule(frame), elf::kRip, -8);
      stack_.at(cfa_of(frame) - 8) = frame == kOuter ? 0 : 0x1000 + 0x100 * (frame + 1) + 0x20;
    }
    types::TypeRecord integer{.hash = types::hash_of_base(5, 8, 0, 0), .size = 8};
    integer.kind = types::Kind::base;
    long_ = test_.add_type(integer);
    types::TypeRecord narrow{.hash = types::hash_of_base(5, 4, 0, 0), .size = 4};
    narrow.kind = types::Kind::base;
    int_ = test_.add_type(narrow);
    types::TypeRecord address{.hash = {7, 7}, .size = 8, .target = long_};
    address.kind = types::Kind::address;
    pointer_ = test_.add_type(address);
  }

  elf::UnwindRule& rule(unsigned frame) { return rules_.by_function.at(0x1000 + 0x100 * frame); }

  // In [begin, begin + 0x10) of the function: at CFA + value, or in register `value`.
  void add_variable(unsigned frame, std::string_view name, types::TypeIndex type, LocationKind kind,
                    std::int8_t value, std::uint8_t begin = 0x18) {
    types::VariableRecord variable;
    variable.name = test_.text(name);
    variable.type = type;
    variable.locations = locations_;
    for (const std::uint8_t byte :
         {std::uint8_t{1}, begin, std::uint8_t{0x10}, static_cast<std::uint8_t>(kind),
          static_cast<std::uint8_t>(value & 0x7F)}) {
      test_.add(Table::locations, byte);
      ++locations_;
    }
    variables_[frame].push_back(variable);
  }

  void add_pages_of_locations() {
    for (std::size_t i = 0; i < 2 * types::kSummedPage; ++i, ++locations_)
      test_.add(Table::locations, std::uint8_t{0});
  }

  // Each place of the frame, as "offset from the stack's start: holds part occupant".
  std::vector<std::string> places(unsigned frame, bool with_registers = false) {
    finish();
    runt::Registers registers;
    registers.set(elf::kRsp, sp_);
    registers.set(elf::kRip, 0x1020);
    for (const unsigned reg : {elf::kRbx, elf::kRbp, elf::kR12}) registers.set(reg, 0x100 + reg);
    FrameSearch search(runt::RegisterWalk(stack_, rules_, registers), registers, {}, kAnywhere);
    std::vector<std::string> all;
    const auto add = [](void* into, const FrameView&, const FramePlace& place) {
      static_cast<std::vector<std::string>*>(into)->push_back(text_of(place));
      return true;
    };
    view_ = look_into_frame(
        process_, search, Address{cfa_of(frame) - 8},
        with_registers ? kAnywhere
                       : AddressRange{Address{sp_ - 128}, Address{kStack + sizeof stack_.words}},
        reach_, 7, {.call = add, .context = &all});
    return all;
  }

  static std::string text_of(const FramePlace& place) {
    char occupant[100];
    TextWriter out(occupant, sizeof occupant);
    put_occupant(out, place);
    std::string text =
        place.part == FramePlace::Part::in_register
            ? elf::kRegisterNames[place.reg]
            : std::to_string(static_cast<std::int64_t>(raw(place.range.begin) - kStack)) + "+" +
                  std::to_string(place.range.size());
    text += place.holds == FramePlace::Holds::pointer      ? " pointer"
            : place.holds == FramePlace::Holds::no_pointer ? " none"
                                                           : " unknown";
    if (slot_name(place) != nullptr) text += std::string(" ") + slot_name(place);
    if (out.length() != 0) text += std::string(" ") + occupant;
    return text;
  }

  Stack stack_;
  Rules rules_;
  FakeProcess process_;
  FrameView view_;
  FrameReach reach_ = FrameReach::one;
  std::uint64_t sp_ = kStack;  // of inner
  std::uint32_t locations_ = 0;
  std::optional<std::uint32_t> damaged_location_;
  types::TypeIndex long_, int_, pointer_;

 private:
  void finish() {
    std::uint32_t first = 0;
    for (unsigned frame = kInner; frame <= kOuter; ++frame) {
      static constexpr const char* kNames[] = {"inner", "middle", "outer"};
      types::FunctionRecord function;
      function.low = 0x1000 + 0x100 * frame;
      function.length = 0x100;
      function.name = test_.text(kNames[frame]);
      function.first_variable = first;
      function.variable_count = static_cast<std::uint32_t>(variables_[frame].size());
      first += function.variable_count;
      test_.add(Table::functions, function);
      for (const auto& variable : variables_[frame]) test_.add(Table::variables, variable);
    }
    const std::byte* bytes = test_.finish();
    process_.object.image = types::Image::open(bytes, test_.size());
    if (damaged_location_) {
      types::Image& image = *process_.object.image;
      const auto at = image.table<std::byte>(Table::locations).data() + *damaged_location_;
      test_.bytes()[at - bytes] ^= std::byte{1};
      image.check_pages({.states = page_states_,
                         .is_damaged = &is_damaged_,
                         .sound_tables = &sound_tables_,
                         .searches = &searches_,
                         .damages = &damages_});
    }
    process_.object.range = {Address{0x1000}, Address{0x2000}};
    slots_ = std::vector<std::atomic<uniqtype*>>(3);
    process_.object.slots = slots_;
    process_.maker = {.interner = interner_.get(),
                      .scratch = {.take = [](std::size_t n) { return std::calloc(1, n); },
                                  .give_back = [](void* p, std::size_t) { std::free(p); }},
                      .may_make = true};
  }

  types::TestImage test_;
  std::atomic<std::uint8_t> page_states_[16] = {};
  std::atomic<bool> is_damaged_{false};
  std::atomic<std::uint32_t> sound_tables_{0}, searches_{0}, damages_{0};
  std::vector<types::VariableRecord> variables_[3];
  std::vector<std::atomic<uniqtype*>> slots_;
  std::unique_ptr<types::Interner> interner_ = std::make_unique<types::Interner>();
};

using Places = std::vector<std::string>;

TEST_F(FrameScanTest, WordsAreToldByTheVariablesThatAreThereAtThePc) {
  add_variable(kMiddle, "p", pointer_, LocationKind::memory, -32);
  add_variable(kMiddle, "n", long_, LocationKind::memory, -40);
  add_variable(kMiddle, "gone", pointer_, LocationKind::memory, -48, 0x40);
  EXPECT_EQ(places(kMiddle),
            (Places{"64+24 unknown", "88+8 none middle::n", "96+8 pointer middle::p",
                    "104+16 unknown", "120+8 pointer (return address)"}));
  EXPECT_EQ(view_.range, (AddressRange{Address{kStack + 64}, Address{kStack + 128}}));
  EXPECT_STREQ(view_.function, "middle");
  EXPECT_EQ(view_.thread, 7);
}

TEST_F(FrameScanTest, ASavedRegisterHoldsTheVariableOfWhoHasItThere) {
  save(rule(kInner), elf::kRbx, -16);
  save(rule(kInner), elf::kR12, -24);
  save(rule(kMiddle), elf::kR12, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  add_variable(kOuter, "q", pointer_, LocationKind::in_register, elf::kR12);
  // Middle has saved r12 to use it for something of its own, of which nothing is told.
  EXPECT_EQ(places(kInner),
            (Places{"-128+168 unknown", "40+8 unknown (saved r12)",
                    "48+8 pointer (saved rbx) outer::p", "56+8 pointer (return address)"}));
  EXPECT_EQ(places(kMiddle).at(1), "112+8 pointer (saved r12) outer::q");
}

TEST_F(FrameScanTest, TheNearestCallersVariableCounts) {
  save(rule(kInner), elf::kRbx, -16);
  save(rule(kMiddle), elf::kRbx, -16);
  add_variable(kMiddle, "n", long_, LocationKind::in_register, elf::kRbx);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  EXPECT_EQ(places(kInner).at(1), "48+8 none (saved rbx) middle::n");
  EXPECT_EQ(places(kMiddle).at(1), "112+8 pointer (saved rbx) outer::p");
}

TEST_F(FrameScanTest, AVariableThatHasLeftItsRegisterIsNotThere) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx, 0x21);
  EXPECT_EQ(places(kInner).at(1), "48+8 unknown (saved rbx)");
}

TEST_F(FrameScanTest, ANarrowVariableSaysNothingOfTheWholeRegister) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "i", int_, LocationKind::in_register, elf::kRbx);
  EXPECT_EQ(places(kInner).at(1), "48+8 unknown (saved rbx) outer::i");
}

TEST_F(FrameScanTest, TwoVariablesOfDifferentKindsLeaveItOpen) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  add_variable(kOuter, "n", long_, LocationKind::in_register, elf::kRbx);
  EXPECT_EQ(places(kInner).at(1), "48+8 unknown (saved rbx) outer::p");
}

TEST_F(FrameScanTest, TheFramePointerOfACallerIsAPointer) {
  rule(kOuter).cfa_register = elf::kRbp;
  rule(kOuter).cfa_offset = 16;
  save(rule(kInner), elf::kRbp, -16);
  EXPECT_EQ(places(kInner).at(1), "48+8 pointer (saved rbp) the frame pointer of outer");
}

TEST_F(FrameScanTest, RegistersAreToldWithWhatTheyHold) {
  save(rule(kInner), elf::kRbx, -16);
  stack_.at(cfa_of(kInner) - 16) = 0xABCD;
  add_variable(kMiddle, "p", pointer_, LocationKind::in_register, elf::kRbx);
  add_variable(kOuter, "n", long_, LocationKind::in_register, elf::kR12);
  const Places told = places(kMiddle, true);
  ASSERT_EQ(told.size(), 5u);
  EXPECT_EQ(told[2], "rbx pointer middle::p");
  EXPECT_EQ(told[3], "rbp unknown");
  EXPECT_EQ(told[4], "r12 none outer::n") << "middle leaves it alone";
}

TEST_F(FrameScanTest, CodeThatNobodyKnowsMayUseARegisterUnsaid) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  places(kInner);
  process_.object.range = {Address{0x1200}, Address{0x2000}};  // middle is made at run time
  runt::Registers registers;
  registers.set(elf::kRsp, kStack);
  registers.set(elf::kRip, 0x1020);
  runt::RegisterWalk walk(stack_, rules_, registers);
  walk.next();
  FramePlace place;
  CallersRegisters registers_of_callers;
  places::find_in_callers(process_, walk, elf::kRbx, registers_of_callers, place);
  EXPECT_EQ(place.variable, nullptr);
}

TEST_F(FrameScanTest, AVariableWhereARegisterIsSavedTellsNothing) {
  save(rule(kMiddle), elf::kRbx, -16);
  add_variable(kMiddle, "p", pointer_, LocationKind::memory, -16);
  add_variable(kOuter, "q", pointer_, LocationKind::in_register, elf::kRbx);
  EXPECT_EQ(places(kMiddle).at(1), "112+8 unknown (saved rbx) outer::q");
}

TEST_F(FrameScanTest, CallersAreToldInOneWalk) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  reach_ = FrameReach::callers_too;
  EXPECT_EQ(places(kInner), (Places{"-128+176 unknown", "48+8 pointer (saved rbx) outer::p",
                                    "56+8 pointer (return address)", "64+56 unknown",
                                    "120+8 pointer (return address)", "128+56 unknown",
                                    "184+8 pointer (return address)"}));
  EXPECT_STREQ(view_.function, "outer");
  EXPECT_EQ(places(kOuter).size(), 2u);
}

TEST_F(FrameScanTest, OfAHugeFrameTheSlotsAreTold) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 30;
  save(rule(kInner), elf::kRbx, -16);
  save(rule(kInner), elf::kR12, -24);
  add_variable(kMiddle, "p", pointer_, LocationKind::in_register, elf::kRbx);
  rule(kInner).cfa_offset = kHuge;
  sp_ = cfa_of(kInner) - kHuge;
  EXPECT_EQ(places(kInner),
            (Places{"40+8 unknown (saved r12)", "48+8 pointer (saved rbx) middle::p",
                    "56+8 pointer (return address)"}));
}

TEST_F(FrameScanTest, WhereSomethingCannotBeReadNothingIsToldOfARegister) {
  save(rule(kInner), elf::kRbx, -16);
  add_variable(kOuter, "p", pointer_, LocationKind::in_register, elf::kRbx);
  add_pages_of_locations();
  damaged_location_ = locations_;
  add_variable(kOuter, "n", long_, LocationKind::in_register, elf::kRbx);
  add_pages_of_locations();
  EXPECT_EQ(places(kInner).at(1), "48+8 unknown (saved rbx)");
}

TEST_F(FrameScanTest, ArgumentsOnTheStackAreTheCallees) {
  add_variable(kInner, "a", pointer_, LocationKind::memory, 0);
  EXPECT_EQ(places(kMiddle), (Places{"72+48 unknown", "120+8 pointer (return address)"}));
  EXPECT_EQ(places(kInner).back(), "64+8 pointer inner::a");
}

}  // namespace
}  // namespace allocs::query
