// Whether a running server uses the OpenSSL that this process uses.
#pragma once

#include <sys/types.h>

namespace pgtls::tls {

// True if the process `pid` has loaded libssl from the same file as this one, both still find that file under its path,
// and no OPENSSL_CONF sets other defaults. False also if this cannot be read. Blocks.
bool UsesOurLibrary(pid_t pid);

}  // namespace pgtls::tls
