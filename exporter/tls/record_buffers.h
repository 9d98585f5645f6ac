// The buffers in which OpenSSL reads and writes TLS records.
#pragma once

namespace pgtls::tls {

// A connection that keeps no buffers while it is idle (SSL_MODE_RELEASE_BUFFERS) asks for one of 17 kB at every record.
// The heap takes so large a piece from where it finds one, which splits, merges and sorts what lies free: a quarter of
// all that malloc costs a process that watches a thousand servers. From here on a few are kept for the next record.
//
// For the whole process, libpq included. Call once, before anything else uses OpenSSL: where that has memory already,
// it does nothing and returns false.
bool KeepRecordBuffers();

}  // namespace pgtls::tls
