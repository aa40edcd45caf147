// SPDX-License-Identifier: Apache-2.0
#include "declarations/piece_code.h"

namespace allocs::declarations {

namespace {

// As runtime/stand_in/forward.cc, and for the same reasons: a weak reference through the global offset table. `alone` is what is done in a
// process without the run time.
std::string forwarder(const std::string& name, const std::string& second, const char* alone) {
  return "\t.pushsection .text." + name + ",\"axG\",@progbits," + name +
         ",comdat\n"
         "\t.weak " +
         name + "\n\t.hidden " + name + "\n\t.type " + name + ",@function\n\t.weak " + second +
         "\n" + name +
         ":\n"
         "\t.cfi_startproc\n"
         "\tmovq " +
         second +
         "@GOTPCREL(%rip), %r11\n"
         "\ttestq %r11, %r11\n"
         "\tje 1f\n"
         "\tjmp *%r11\n"
         "1:" +
         alone +
         "\tret\n"
         "\t.cfi_endproc\n"
         "\t.size " +
         name + ", . - " + name + "\n\t.popsection\n";
}

}  // namespace

std::string piece_maker_name(std::string_view function) {
  return "__allocs_maker_" + std::string(function);
}

std::string piece_made_code() {
  return forwarder(kPieceMade, "__allocs_1_piece_made", "\tmovq %rdi, %rax\n");
}

std::string piece_gone_code() { return forwarder(kPieceGone, "__allocs_1_piece_gone", ""); }

// The run time's PieceMaker: the name, and a word of its own.
std::string piece_maker_code(std::string_view function) {
  const std::string maker = piece_maker_name(function);
  return "\t.pushsection .data." + maker + ",\"awG\",@progbits," + maker +
         ",comdat\n"
         "\t.balign 8\n"
         "\t.weak " +
         maker + "\n\t.hidden " + maker + "\n\t.type " + maker + ",@object\n\t.size " + maker +
         ",16\n" + maker +
         ":\n"
         "\t.quad 2f\n"
         "\t.quad 0\n"
         "2:\t.asciz \"" +
         std::string(function) +
         "\"\n"
         "\t.popsection\n";
}

}  // namespace allocs::declarations
