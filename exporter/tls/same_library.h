// Does a running server use the OpenSSL that this process uses?
#pragma once

#include <sys/types.h>

namespace pgtls::tls {

// True where the process `pid` has loaded libssl from the file from which this one has, both still find that file under
// its path, and no OPENSSL_CONF sets other defaults. False where this cannot be seen. Blocks.
bool UsesOurLibrary(pid_t pid);

}  // namespace pgtls::tls
