#include "exporter/files/client_inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/files/certificate_files.h"
#include "exporter/files/issued_certificates.h"
#include "exporter/tls/openssl_index.h"
#include "exporter/tls/shown_name.h"

namespace pgtls::files {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::size_t kMostLineBytes = std::size_t{64} << 10;

class Search {
 public:
  explicit Search(std::vector<SoughtCertificate>& sought) {
    for (SoughtCertificate& one : sought) {
      if (!one.serial.empty()) by_serial_.emplace(one.serial, &one);
    }
  }

  void Files(const std::vector<std::string>& patterns) {
    const MatchedFiles matched = FilesMatching(patterns);
    for (const auto& lost : matched.lost) Missing(lost.problem, lost.pattern);
    for (const auto& [path, named] : matched.paths) {
      const std::shared_ptr<const IssuedFile> file = ReadIssuedFile(path);
      if (!file->problem.empty() && (named || !file->only_keys)) Missing(file->problem, path);
      for (const IssuedCertificate& certificate : file->certificates) Certificate(certificate);
    }
  }

  // In pieces: the file of an authority only grows.
  void Index(const std::string& path) {
    std::string rest;
    std::size_t number = 0;
    try {
      for (std::int64_t offset = 0;;) {
        const FilePiece piece = ReadFilePiece(path, offset, kPieceBytes);
        if (piece.bytes.empty()) break;
        offset += static_cast<std::int64_t>(piece.bytes.size());
        rest += piece.bytes;
        std::size_t start = 0;
        for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', start)) {
          Line(std::string_view(rest).substr(start, end - start), path, ++number);
          start = end + 1;
        }
        rest.erase(0, start);
        if (rest.size() > kMostLineBytes) break;
      }
      if (!rest.empty()) Line(rest, path, ++number);
    } catch (const std::system_error& error) {
      Missing(ProblemOf(error.code()), path);
    } catch (const Error&) {
      Missing("unreadable", path);
    }
  }

  std::vector<sampling::IncompletePart> TakeMissing() {
    std::vector<sampling::IncompletePart> parts;
    for (const auto& [reason, path] : missing_) parts.push_back({"client_inventory", reason, path});
    return parts;
  }

 private:
  void Missing(const std::string& reason, const std::string& path) { missing_.emplace(reason, path); }

  void Certificate(const IssuedCertificate& certificate) {
    const auto [first, last] = by_serial_.equal_range(certificate.serial);
    for (auto entry = first; entry != last; ++entry) {
      SoughtCertificate& one = *entry->second;
      if (one.issuer_dn != certificate.issuer_dn || one.client_dn != certificate.client_dn) continue;
      in_file_.insert(&one);
      if (TakeEnd(one, certificate.not_after)) one.not_before = certificate.not_before;
    }
  }

  void Line(std::string_view line, const std::string& path, std::size_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) return;
    const auto entry = line.size() > kMostLineBytes ? std::nullopt : tls::ParseIndexLine(line);
    if (!entry) {
      Missing("malformed", fmt::format("{}:{}", path, number));
      return;
    }
    const auto [first, last] = by_serial_.equal_range(entry->serial);
    for (auto match = first; match != last; ++match) {
      SoughtCertificate& one = *match->second;
      if (!tls::MayBeShownAs(entry->subject, one.client_dn)) continue;
      one.revoked = one.revoked || entry->revoked;
      if (!in_file_.contains(&one)) TakeEnd(one, entry->not_after);
    }
  }

  // Returns whether it is the earliest so far.
  static bool TakeEnd(SoughtCertificate& one, std::optional<std::chrono::sys_seconds> end) {
    const bool earliest = !one.found || (end && (!one.not_after || *end < *one.not_after));
    one.found = true;
    if (earliest) one.not_after = end;
    return earliest;
  }

  std::unordered_multimap<std::string, SoughtCertificate*> by_serial_;
  std::set<const SoughtCertificate*> in_file_;  // a file names its issuer
  std::map<std::string, std::string> missing_;  // the first path, by reason
};

// `serial`: hexadecimal.
bool Has(X509_CRL* list, const std::string& serial) {
  BIGNUM* parsed = nullptr;
  if (serial.empty() || BN_hex2bn(&parsed, serial.c_str()) == 0) return false;
  const std::unique_ptr<BIGNUM, tls::OpensslDeleter<BN_free>> number(parsed);
  const std::unique_ptr<ASN1_INTEGER, tls::OpensslDeleter<ASN1_INTEGER_free>> integer(
      BN_to_ASN1_INTEGER(number.get(), nullptr));
  X509_REVOKED* entry = nullptr;
  return X509_CRL_get0_by_serial(list, &entry, integer.get()) == 1;  // 2: removed from it again
}

}  // namespace

std::vector<sampling::IncompletePart> FindInInventory(const InventoryPaths& paths,
                                                      std::vector<SoughtCertificate>& sought) {
  Search search(sought);
  search.Files(paths.files);
  for (const std::string& path : paths.openssl_index) search.Index(path);
  return search.TakeMissing();
}

void FindRevoked(const std::vector<tls::FileReport>& files, std::vector<SoughtCertificate>& sought) {
  for (const tls::FileReport& file : files) {
    if (file.content.decoded == nullptr) continue;
    for (const std::string& der : file.content.decoded->crls) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
      const tls::X509CrlPtr list(d2i_X509_CRL(nullptr, &bytes, static_cast<long>(der.size())));
      if (list == nullptr) continue;
      const std::string issuer = tls::ShownName(X509_CRL_get_issuer(list.get()));
      for (SoughtCertificate& one : sought) {
        if (one.issuer_dn == issuer && Has(list.get(), one.serial)) one.revoked = true;
      }
    }
  }
}

}  // namespace pgtls::files
