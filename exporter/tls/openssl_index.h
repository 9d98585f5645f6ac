// The database of an authority that `openssl ca` keeps (index.txt): one line for each certificate that it issued. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls::tls {

struct IndexEntry {
  bool revoked = false;
  std::optional<std::chrono::sys_seconds> not_after;  // absent if the time cannot be read
  std::string serial;                                 // as NormalSerial() writes it
  std::string subject;  // "/C=DE/CN=bob": its escapes undone, so that it may be bytes of any encoding
};

// A line without its end: type, end, revocation, serial, file and subject, separated by tabs. nullopt: it is cut, or
// none of these.
std::optional<IndexEntry> ParseIndexLine(std::string_view line);

// Upper-case hexadecimal without leading zeros, of a hexadecimal number (index.txt, CertificateFacts::serial); of a
// decimal one, as pg_stat_ssl has it. Empty: not a number.
std::string NormalSerial(std::string_view hexadecimal);
std::string NormalSerialOfDecimal(const std::string& decimal);

}  // namespace pgtls::tls
