#include "exporter/files/client_verification.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

#include "exporter/base/error.h"

namespace pgtls::files {
namespace {

std::optional<std::string> KnownSetting(const FileSettings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found == settings.end() ? std::nullopt : std::optional(found->second);
}

tls::ListFile ListsOf(const tls::FileReport& file, bool hashed) {
  return {file.path, file.content.decoded ? file.content.decoded->crls : std::vector<std::string>(), hashed,
          file.problem.empty()};
}

void AddCertificates(const tls::FileReport& file, std::vector<std::string>& ders) {
  if (!file.content.decoded) return;
  for (const auto& certificate : file.content.decoded->certificates) ders.push_back(tls::DerOf(certificate.get()));
}

// Why it is not known what a connection finds in ssl_crl_dir or a file in it; empty if it is known, also if the file is
// missing or broken, or the server may not read it.
std::string WhyUnseen(const tls::FileReport& file, bool in_directory) {
  if (file.server_may_read == false) return "";
  if (file.problem == "permission_denied" || file.problem == "unreadable") return file.problem;
  return in_directory && !file.server_may_read ? "server_access" : "";
}

std::string WithoutSlashes(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

bool IsIn(const std::string& directory, const std::string& path) {
  const std::size_t name = path.rfind('/') + 1;
  return !directory.empty() && WithoutSlashes(path.substr(0, name)) == directory &&
         tls::IsHashedListName(std::string_view(path).substr(name));
}

// "…/1a2b3c4d.r1" after "…/1a2b3c4d.r0". Empty if there is no next number.
std::string NextHashedPath(const std::string& path) {
  const std::size_t digits = path.rfind(".r") + 2;
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(path.data() + digits, path.data() + path.size(), number);
  return parsed.ec == std::errc() ? path.substr(0, digits) + std::to_string(std::uint64_t{number} + 1) : "";
}

bool Loads(const tls::ListFile& file) { return file.whole && !file.lists.empty(); }

// OpenSSL 3.0 opens no list of an issuer after one that it cannot load; OpenSSL 3.5 does.
bool ListFollowsABrokenOne(const std::vector<tls::ListFile>& lists) {
  return std::ranges::any_of(lists, [&lists](const tls::ListFile& broken) {
    if (!broken.hashed || Loads(broken)) return false;
    const auto next = std::ranges::find(lists, NextHashedPath(broken.path), &tls::ListFile::path);
    return next != lists.end() && Loads(*next);
  });
}

// What releases of OpenSSL decide differently is not known, for the server's is not.
bool DependsOnRelease(const std::vector<tls::ListFile>& lists, const tls::FileReport& ca) {
  return ListFollowsABrokenOne(lists) ||
         (ca.content.decoded && tls::ReleasesDiffer(lists, ca.content.decoded->certificates));
}

bool HasWeakAuthority(const tls::FileReport& ca) {
  return ca.content.decoded && tls::SecurityLevelDecides(ca.content.decoded->certificates);
}

// Above level 2 OpenSSL also refuses keys and signatures of the usual strength.
bool HasHighLevel(std::string_view ciphers) {
  constexpr std::string_view kLevel = "@SECLEVEL=";
  const std::size_t at = ciphers.find(kLevel);
  return at != std::string_view::npos && ciphers.substr(at + kLevel.size(), 1) > "2";
}

// Puts the server's lists into `verification`. Returns the fault of a file that the verification needs.
std::string AddLists(const std::vector<tls::FileReport>& files, const std::string& crl_file, const std::string& crl_dir,
                     tls::ClientVerification& verification) {
  for (const tls::FileReport& file : files) {
    if (file.role != "crl") continue;
    if (file.path == crl_file) {
      if (!file.problem.empty()) return file.problem;
      verification.lists.push_back(ListsOf(file, false));
      AddCertificates(file, verification.others);
    }
    const bool in_directory = IsIn(crl_dir, file.path);
    if (!in_directory && WithoutSlashes(file.path) != crl_dir) continue;
    if (std::string problem = WhyUnseen(file, in_directory); !problem.empty()) return problem;
    if (in_directory) verification.lists.push_back(ListsOf(file, true));
  }
  return "";
}

}  // namespace

ClientFiles ClientFilesOf(const std::vector<tls::FileReport>& files, const FileSettings& settings,
                          const std::string& not_loaded) {
  ClientFiles result;
  const auto ca_file = KnownSetting(settings, "ssl_ca_file");
  if (KnownSetting(settings, "ssl") == "off" || ca_file == "") return result;
  const auto ca = std::ranges::find(files, "ca", &tls::FileReport::role);
  const auto crl_file = KnownSetting(settings, "ssl_crl_file");
  const auto crl_dir = KnownSetting(settings, "ssl_crl_dir");
  if (ca_file && crl_file && crl_dir && ca != files.end()) {
    tls::ClientVerification verification;
    verification.checks_revocation = !crl_file->empty() || !crl_dir->empty();
    AddCertificates(*ca, verification.authorities);
    verification.lists.push_back(ListsOf(*ca, false));
    result.problem = ca->content.truncated ? "too_many_certificates" : ca->problem;
    // OpenSSL takes it for several directories.
    if (result.problem.empty() && crl_dir->contains(':')) result.problem = "not_modelled";
    if (result.problem.empty()) {
      result.problem = AddLists(files, InDataDirectory(settings, *crl_file),
                                WithoutSlashes(InDataDirectory(settings, *crl_dir)), verification);
    }
    if (result.problem.empty() && verification.checks_revocation && DependsOnRelease(verification.lists, *ca)) {
      result.problem = "openssl_version";
    }
    const std::string ciphers = KnownSetting(settings, "ssl_ciphers").value_or("");
    if (result.problem.empty() && (HasHighLevel(ciphers) || HasWeakAuthority(*ca))) result.problem = "security_level";
    if (result.problem.empty()) result.problem = not_loaded;
    if (result.problem.empty()) {
      result.verification = std::move(verification);
      return result;
    }
  } else if (ca != files.end()) {
    result.problem = ToString(FailureReason::kInsufficientPrivilege);
  }
  for (const tls::FileReport& file : files) {
    const bool in_use = not_loaded.empty() || file.of_list_directory;
    if (file.role == "crl" && in_use) result.other_lists.push_back(ListsOf(file, false));
  }
  return result;
}

std::string WhyNotKnownOfPooler(const std::vector<tls::FileReport>& files) {
  std::string why;
  for (const tls::FileReport& file : files) {
    if (file.role != "ca") continue;
    if (!file.problem.empty()) return file.problem;
    why = "pooler";
  }
  return why;
}

std::vector<tls::ListFile> ConfiguredLists(const std::vector<tls::FileReport>& files) {
  std::vector<tls::ListFile> result;
  for (const tls::FileReport& file : files) {
    if (file.role == "extra" && !file.content.crls.empty()) result.push_back(ListsOf(file, false));
  }
  return result;
}

}  // namespace pgtls::files
