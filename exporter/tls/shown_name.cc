#include "exporter/tls/shown_name.h"

#include <charconv>

#include "exporter/tls/openssl.h"

namespace pgtls::tls {
namespace {

// Undoes RFC 2253's escapes: "\," and "\0A". What is cut off at the end of a name of 63 bytes is left out.
std::string Unescaped(std::string_view shown) {
  std::string result;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (shown[i] != '\\') {
      result += shown[i];
      continue;
    }
    unsigned byte = 0;
    const std::string_view digits = shown.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error == std::errc() && digits.size() == 2 && end == digits.data() + digits.size()) {
      result += static_cast<char>(byte);
      i += 2;
    } else if (i + 1 < shown.size()) {
      result += shown[++i];
    }
  }
  return result;
}

// Without the first bytes of a character that was cut.
std::string_view WithoutCutCharacter(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xC0) == 0x80) --end;
  const bool leads = end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xC0) == 0xC0;
  return leads ? text.substr(0, end - 1) : text;
}

}  // namespace

std::string ShownName(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* const entry = X509_NAME_get_entry(name, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    const char* field = OBJ_nid2sn(nid);
    if (field == nullptr) field = OBJ_nid2ln(nid);
    BIO_printf(bio.get(), "/%s=", field == nullptr ? "" : field);
    ASN1_STRING_print_ex(
        bio.get(), X509_NAME_ENTRY_get_data(entry),
        (ASN1_STRFLGS_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)) | ASN1_STRFLGS_UTF8_CONVERT);
  }
  std::string text = DrainBio(bio.get());
  if (text.size() > kShownNameBytes) text.resize(kShownNameBytes);
  return text;
}

bool MayBeShownAs(std::string_view subject, std::string_view shown) {
  const std::string name = Unescaped(shown);
  if (shown.size() < kShownNameBytes) return subject == name;
  return subject.starts_with(WithoutCutCharacter(name));
}

}  // namespace pgtls::tls
