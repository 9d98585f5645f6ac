#include "exporter/files/issued_certificates.h"

#include <sys/stat.h>

#include <mutex>
#include <unordered_map>

#include "exporter/base/file.h"
#include "exporter/files/certificate_files.h"
#include "exporter/tls/openssl_index.h"
#include "exporter/tls/shown_name.h"

namespace pgtls::files {
namespace {

using std::chrono::steady_clock;

// Longer than any interval of a collector that is in use; shorter would only cost time.
constexpr std::chrono::hours kKeptUnused{24};
constexpr std::chrono::hours kBetweenPurges{1};

class Kept {
 public:
  std::shared_ptr<const IssuedFile> Find(const std::string& path, const std::string& identity) {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(path);
    if (found == files_.end() || found->second.identity != identity) return nullptr;
    found->second.used = steady_clock::now();
    return found->second.file;
  }

  void Keep(const std::string& path, const std::string& identity, std::shared_ptr<const IssuedFile> file) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (now >= next_purge_) {
      std::erase_if(files_, [&](const auto& entry) { return now - entry.second.used > kKeptUnused; });
      next_purge_ = now + kBetweenPurges;
    }
    if (files_.size() >= kMostIssuedFiles && !files_.contains(path)) return;
    files_.insert_or_assign(path, Entry{identity, std::move(file), now});
  }

 private:
  struct Entry {
    std::string identity;
    std::shared_ptr<const IssuedFile> file;
    steady_clock::time_point used;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> files_;
  steady_clock::time_point next_purge_ = steady_clock::now() + kBetweenPurges;
};

std::shared_ptr<const IssuedFile> Parse(const std::string& path) {
  const tls::FileReport report = ReportOn("extra", path);
  auto file = std::make_shared<IssuedFile>();
  file->problem = report.problem;
  file->only_keys = report.problem == "no_certificate" && report.content.other_blocks > 0;
  for (std::size_t i = 0; i < report.content.certificates.size(); ++i) {
    const X509* const certificate = report.content.decoded->certificates[i].get();
    const tls::CertificateFacts& facts = report.content.certificates[i].facts;
    file->certificates.push_back({.serial = tls::NormalSerial(facts.serial),
                                  .client_dn = tls::ShownName(X509_get_subject_name(certificate)),
                                  .issuer_dn = tls::ShownName(X509_get_issuer_name(certificate)),
                                  .not_before = facts.not_before,
                                  .not_after = facts.not_after});
  }
  return file;
}

// File systems count time in steps.
bool IsSettled(const std::string& path) {
  constexpr std::chrono::seconds kLongestStep{2};
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return false;
  const auto changed = std::chrono::sys_seconds(std::chrono::seconds(status.st_ctim.tv_sec));
  return changed + kLongestStep < std::chrono::system_clock::now();
}

}  // namespace

std::shared_ptr<const IssuedFile> ReadIssuedFile(const std::string& path) {
  static Kept kept;
  const std::optional<std::string> identity = FileIdentity(path);
  if (!identity) return Parse(path);
  if (auto file = kept.Find(path, *identity)) return file;
  auto file = Parse(path);
  // What hinders reading may pass without a trace in the file.
  const bool was_read =
      file->problem != "missing" && file->problem != "permission_denied" && file->problem != "unreadable";
  if (was_read && IsSettled(path) && FileIdentity(path) == identity) kept.Keep(path, *identity, file);
  return file;
}

}  // namespace pgtls::files
