#include "exporter/tls/openssl_index.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "exporter/tls/openssl.h"
#include "exporter/tls/x509.h"

namespace pgtls::tls {
namespace {

constexpr std::size_t kMaxSerialDigits = 80;  // RFC 5280 allows 20 octets

// In the order of the file (OpenSSL's apps/apps.h, DB_type to DB_name).
enum Field { kType, kEnd, kRevocation, kSerial, kFile, kSubject, kFields };

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

// Those of a line (crypto/txt_db/txt_db.c: a tab after a backslash is part of a field).
std::optional<std::array<std::string, kFields>> Split(std::string_view line) {
  std::array<std::string, kFields> fields;
  std::size_t field = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escaped_tab = line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '\t';
    if (line[i] == '\t') {
      if (++field == kFields) return std::nullopt;
    } else {
      if (escaped_tab) ++i;
      fields[field] += line[i];
    }
  }
  if (field + 1 != kFields) return std::nullopt;
  return fields;
}

// "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ".
std::optional<std::chrono::sys_seconds> TimeIn(const std::string& text) {
  const std::unique_ptr<ASN1_TIME, OpensslDeleter<ASN1_TIME_free>> time(ASN1_TIME_new());
  if (!text.ends_with('Z') || ASN1_TIME_set_string(time.get(), text.c_str()) != 1) return std::nullopt;
  return TimeOf(time.get());
}

// X509_NAME_oneline() writes bytes outside of printable ASCII as \xHH.
std::string Unescaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text.substr(i, 2) == "\\x" && i + 3 < text.size() && IsHex(text[i + 2]) && IsHex(text[i + 3]);
    if (!escape) {
      result += text[i];
      continue;
    }
    unsigned byte = 0;
    std::from_chars(text.data() + i + 2, text.data() + i + 4, byte, 16);
    result += static_cast<char>(byte);
    i += 3;
  }
  return result;
}

}  // namespace

std::string NormalSerial(std::string_view hexadecimal) {
  if (hexadecimal.empty() || hexadecimal.size() > kMaxSerialDigits || !std::ranges::all_of(hexadecimal, IsHex))
    return "";
  std::string serial(hexadecimal.substr(std::min(hexadecimal.find_first_not_of('0'), hexadecimal.size() - 1)));
  for (char& c : serial) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return serial;
}

std::string NormalSerialOfDecimal(const std::string& decimal) {
  if (decimal.empty() || decimal.size() > kMaxSerialDigits ||
      decimal.find_first_not_of("0123456789") != std::string::npos) {
    return "";
  }
  BIGNUM* parsed = nullptr;
  BN_dec2bn(&parsed, decimal.c_str());
  const std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>> number(parsed);
  char* const text = BN_bn2hex(number.get());
  std::string serial = text == nullptr ? "" : NormalSerial(text);
  OPENSSL_free(text);
  return serial;
}

std::optional<IndexEntry> ParseIndexLine(std::string_view line) {
  const auto fields = Split(line);
  if (!fields) return std::nullopt;
  const std::string& type = (*fields)[kType];
  if (type != "V" && type != "R" && type != "E" && type != "S") return std::nullopt;
  IndexEntry entry{.revoked = type == "R",
                   .not_after = TimeIn((*fields)[kEnd]),
                   .serial = NormalSerial((*fields)[kSerial]),
                   .subject = Unescaped((*fields)[kSubject])};
  if (entry.serial.empty() || entry.subject.empty()) return std::nullopt;
  ERR_clear_error();
  return entry;
}

}  // namespace pgtls::tls
