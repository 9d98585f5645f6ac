// The certificate files of a client inventory, parsed once: an authority may have issued tens of thousands, and few
// change from one search to the next.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::files {

struct IssuedCertificate {
  std::string serial;  // as tls::NormalSerial()
  // As tls::ShownName().
  std::string client_dn;
  std::string issuer_dn;
  std::optional<std::chrono::sys_seconds> not_before;
  std::optional<std::chrono::sys_seconds> not_after;
};

struct IssuedFile {
  std::string problem;     // as tls::FileReport::problem
  bool only_keys = false;  // there are none, and it has keys
  std::vector<IssuedCertificate> certificates;
};

// Files that are kept, at most; more are parsed each time.
inline constexpr std::size_t kMostIssuedFiles = 100'000;

// Never null. What was parsed is kept for all callers while the file is unchanged, unless it was changed a moment ago:
// the next change may then have the same time. Thread-safe. Blocks.
std::shared_ptr<const IssuedFile> ReadIssuedFile(const std::string& path);

}  // namespace pgtls::files
