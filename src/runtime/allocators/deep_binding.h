// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/allocators/dynamic_symbols.h"

// A library that is opened with RTLD_DEEPBIND looks for what it calls in itself and the libraries that it needs before it looks in the
// program's: its malloc and free are the C library's, past every interposer. So are those that a program asks the C library's own handle for, as
// foreign function interfaces do: dlsym(dlopen("libc.so.6", ...), "free"). Blocks that are freed so would stay in the index, and others be
// told in their place.
//
// The flag cannot be taken away: a library that has it wants its own definitions of other names, and may be unable to run without. So when such a
// library or the C library is about to be opened for the first time, the C library's dynamic symbols of the names that we interpose are made to say
// that they are ours. Whatever is looked up from then on comes to our hooks as all the rest does; what is bound already stays as it is. It costs two
// system calls for an object and the pages of its symbol table that are written to, and only in such a program.
//
// The malloc family is changed only where our hooks call the C library's: a shim behind us, which asks for the next definition, would find
// ours and call itself. Not seen are dlmopen with that flag, and a dlopen that was not found by its name in the program's scope.
namespace allocs::allocators {

// Context: hook; from the program's own call of dlopen.
void redirect_deep_bindings();

// The definition of `name` that was in place of `found`, which is what an object's symbol table says now. Context: hook.
void* undirected(const SymbolName& name, void* found);

}  // namespace allocs::allocators
