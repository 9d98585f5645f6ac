#include "collectors/certificate_files.h"

#include <dirent.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <set>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/tls/private_key.h"

namespace pgtls::collectors {
namespace {

// The file's bytes, or the problem with it.
struct Read {
  std::string problem;
  std::string bytes;
};

std::string ProblemOf(const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return "missing";
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted) return "permission_denied";
  return "unreadable";
}

Read ReadBytes(const std::string& path) {
  try {
    return {"", ReadFile(path, tls::kMaxCertificateFileBytes)};
  } catch (const std::system_error& error) {
    return {ProblemOf(error.code()), ""};
  } catch (const Error&) {
    return {"unreadable", ""};  // no regular file, or far too large
  }
}

tls::FileReport ReadOne(std::string role, std::string path, const std::optional<std::string>& password = std::nullopt) {
  Read read = ReadBytes(path);
  return ReportOf(std::move(role), std::move(path), std::move(read.problem), read.bytes, password);
}

std::string Setting(const FileSettings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

// The lists that OpenSSL would look up in a hashed directory: "1a2b3c4d.r0".
std::vector<std::string> ListsIn(const std::string& directory) {
  std::vector<std::string> paths;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(opendir(directory.c_str()), closedir);
  if (handle == nullptr) return paths;
  while (const dirent* const entry = readdir(handle.get())) {  // NOLINT(concurrency-mt-unsafe): a handle of its own
    const std::string name = entry->d_name;
    const bool hashed = name.size() > 10 && name.find_first_not_of("0123456789abcdef") == 8 &&
                        name.substr(8, 2) == ".r" && name.find_first_not_of("0123456789", 10) == std::string::npos;
    if (hashed) paths.push_back(directory + "/" + name);
  }
  std::ranges::sort(paths);
  return paths;
}

// Relative paths are relative to data_directory; nullopt where that is not known.
std::optional<std::string> Absolute(const std::string& path, const FileSettings& settings) {
  if (path.starts_with('/')) return path;
  const std::string directory = Setting(settings, "data_directory");
  if (directory.empty()) return std::nullopt;
  return directory + "/" + path;
}

tls::KeyReport JudgeKey(const std::string& path, const std::string& certificate_path, const FileSettings& settings) {
  tls::KeyReport report{.path = path};
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) {
    // No key is no match: the next start fails. A place where the exporter may not look says nothing.
    if (errno == ENOENT || errno == ENOTDIR) report.matches_certificate = false;
    return report;
  }
  const tls::KeyFileStatus key = {S_ISREG(status.st_mode), status.st_mode & 07777, status.st_uid};
  report.mode = KeyModeOk(key);
  struct stat directory{};
  const std::string data_directory = Setting(settings, "data_directory");
  if (!data_directory.empty() && stat(data_directory.c_str(), &directory) == 0) {
    report.owner = KeyOwnerOk(key, directory.st_uid);
  }
  const Read key_bytes = ReadBytes(path);
  const Read certificate_bytes = ReadBytes(certificate_path);
  if (key_bytes.problem.empty() && certificate_bytes.problem.empty()) {
    report.matches_certificate = tls::KeyMatchesCertificate(key_bytes.bytes, certificate_bytes.bytes);
  }
  return report;
}

}  // namespace

tls::FileReport ReportOf(std::string role, std::string path, std::string status, const std::string& bytes,
                         const std::optional<std::string>& pkcs12_password) {
  tls::FileReport report{.role = std::move(role), .path = std::move(path), .problem = std::move(status)};
  if (!report.problem.empty()) return report;
  report.content = tls::ParseCertificateFile(bytes, pkcs12_password);
  const bool empty = report.content.certificates.empty() && (report.role == "server" || report.content.crls.empty());
  if (report.content.malformed > 0) {
    report.problem = "malformed";
  } else if (report.role == "crl" ? report.content.crls.empty() : empty) {
    report.problem = report.role == "crl" ? "no_crl" : "no_certificate";
  }
  return report;
}

FilesRead ReadServerFiles(const FileSettings& settings) {
  FilesRead result;
  std::set<std::string> lists;  // a list that two settings name counts once
  const auto each = [&](std::string_view name, auto use) {
    const std::string path = Setting(settings, name);
    if (path.empty()) return;
    if (const auto absolute = Absolute(path, settings)) {
      use(*absolute);
    } else {
      result.unknown_directory = true;
    }
  };
  each("ssl_cert_file", [&](const std::string& path) {
    result.files.push_back(ReadOne("server", path));
    each("ssl_key_file", [&](const std::string& key) { result.key = JudgeKey(key, path, settings); });
  });
  each("ssl_ca_file", [&](const std::string& path) { result.files.push_back(ReadOne("ca", path)); });
  each("ssl_crl_file", [&](const std::string& path) { lists.insert(path); });
  each("ssl_crl_dir", [&](const std::string& path) {
    for (std::string& list : ListsIn(path)) lists.insert(std::move(list));
  });
  for (const std::string& path : lists) result.files.push_back(ReadOne("crl", path));
  return result;
}

std::vector<tls::FileReport> ReadConfiguredFiles(const std::vector<std::string>& patterns,
                                                 const std::string& pkcs12_password_file) {
  std::set<std::string> paths;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    if (glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) != 0)
      paths.insert(pattern);  // NOLINT(concurrency-mt-unsafe)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.insert(found.gl_pathv[i]);
    globfree(&found);
  }
  std::optional<std::string> password;
  if (!pkcs12_password_file.empty()) {
    try {
      password = ReadPasswordFile(pkcs12_password_file);
    } catch (const std::exception&) {
      password.reset();  // shows as a PKCS#12 file that cannot be opened
    }
  }
  std::vector<tls::FileReport> files;
  for (const std::string& path : paths) files.push_back(ReadOne("extra", path, password));
  return files;
}

}  // namespace pgtls::collectors
