#include "exporter/files/certificate_files.h"

#include <glob.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/files/hosts_file.h"
#include "exporter/settings/boolean.h"
#include "exporter/tls/server_access.h"

namespace pgtls::files {
namespace {

// The file's bytes, or the problem with it.
struct Read {
  std::string problem;
  std::string bytes;
};

Read ReadBytes(const std::string& path) {
  try {
    return {"", ReadFile(path, tls::kMaxCertificateFileBytes)};
  } catch (const std::system_error& error) {
    return {ProblemOf(error.code()), ""};
  } catch (const Error&) {
    return {"unreadable", ""};  // no regular file, or far too large
  }
}

// A connection opens its lists as the server's user, so a list that only this process may read does not count.
tls::FileReport ReadList(const std::string& path, const std::optional<tls::ServerUser>& user) {
  const tls::FileAccess access = user ? AccessOf(*user, path) : tls::FileAccess();
  tls::FileReport report = access.problem == "permission_denied"
                               ? tls::FileReport{.role = "crl", .path = path, .problem = access.problem}
                               : ReportOn("crl", path);
  report.server_may_read = access.readable;
  return report;
}

// The lists that OpenSSL would look up in a hashed directory: "1a2b3c4d.r0". Throws std::system_error.
std::vector<std::string> ListsIn(const std::string& directory) {
  std::vector<std::string> paths;
  for (const std::string& name : NamesIn(directory)) {
    const bool hashed = name.size() > 10 && name.find_first_not_of("0123456789abcdef") == 8 &&
                        name.substr(8, 2) == ".r" && name.find_first_not_of("0123456789", 10) == std::string::npos;
    if (hashed) paths.push_back(directory + "/" + name);
  }
  return paths;
}

// What glob() met on its way; it hands its callback nothing else to write to.
thread_local std::error_code glob_error;

int NoteGlobError(const char* /*path*/, int error) {
  if (!glob_error) glob_error.assign(error, std::generic_category());
  return 0;  // continue: the other directories count
}

// A directory, socket, FIFO or device, as a wildcard matches them along with the files. A dangling link is none.
bool IsNoFile(const char* path) {
  struct stat status{};
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

}  // namespace

std::string Setting(const FileSettings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

std::string InDataDirectory(const FileSettings& settings, const std::string& path) {
  if (path.empty() || path.starts_with('/')) return path;
  return Setting(settings, "data_directory") + "/" + path;
}

std::string AbsolutePath(const FileSettings& settings, std::string_view name) {
  const std::string path = Setting(settings, name);
  const bool unknown = !path.starts_with('/') && Setting(settings, "data_directory").empty();
  return unknown ? "" : InDataDirectory(settings, path);
}

void AddLostDirectory(const std::string& path, const std::string& problem, FilesRead& result) {
  result.files.push_back({.role = "crl", .path = path, .problem = problem});
  result.incomplete.push_back({"files", problem});
}

tls::FileReport ReportOf(std::string role, std::string path, std::string status, const std::string& bytes,
                         const std::optional<std::string>& pkcs12_password) {
  tls::FileReport report{.role = std::move(role), .path = std::move(path), .problem = std::move(status)};
  if (!report.problem.empty()) return report;
  report.content = tls::ParseCertificateFile(bytes, pkcs12_password);
  const bool empty = report.content.certificates.empty() && (report.role == "server" || report.content.crls.empty());
  if (!report.content.pkcs12_problem.empty()) {
    // PostgreSQL reads none, whatever its password.
    report.problem = report.role == "extra" ? report.content.pkcs12_problem : "no_certificate";
  } else if (report.content.malformed > 0) {
    report.problem = "malformed";
  } else if (report.role == "crl" ? report.content.crls.empty() : empty) {
    report.problem = report.role == "crl" ? "no_crl" : "no_certificate";
  }
  return report;
}

tls::FileReport ReportOn(std::string role, std::string path, const std::optional<std::string>& pkcs12_password) {
  Read read = ReadBytes(path);
  return ReportOf(std::move(role), std::move(path), std::move(read.problem), read.bytes, pkcs12_password);
}

FilesRead ReadServerFiles(const FileSettings& settings, const ServerPlace& place) {
  FilesRead result;
  std::set<std::string> lists;  // a list that two settings name counts once
  const auto each = [&](std::string_view name, auto use) {
    if (Setting(settings, name).empty()) return;
    const std::string path = AbsolutePath(settings, name);
    if (path.empty()) {
      result.incomplete.push_back({"files", std::string(ToString(FailureReason::kInsufficientPrivilege))});
    } else if (!place.Holds(path)) {
      result.incomplete.push_back({"files", "other_file_system"});
    } else {
      use(path);
    }
  };
  each("ssl_cert_file", [&](const std::string& path) { result.files.push_back(ReportOn("server", path)); });
  each("ssl_ca_file", [&](const std::string& path) { result.files.push_back(ReportOn("ca", path)); });
  each("ssl_crl_file", [&](const std::string& path) { lists.insert(path); });
  each("ssl_crl_dir", [&](const std::string& path) {
    try {
      for (std::string& list : ListsIn(path)) lists.insert(std::move(list));
    } catch (const std::system_error& error) {
      AddLostDirectory(path, ProblemOf(error.code()), result);
    }
  });
  if (lists.empty()) return result;
  const auto user = tls::ServerUserOf(Setting(settings, "data_directory"), place.postmaster());
  for (const std::string& path : lists) result.files.push_back(ReadList(path, user));
  return result;
}

std::optional<tls::HostsFile> ReadHostsHere(const FileSettings& settings, const ServerPlace& place) {
  if (!settings::ParseBool(Setting(settings, "ssl_sni")).value_or(false)) return std::nullopt;
  const auto holds = [&place](const std::string& path) { return place.Holds(path); };
  return ParseHosts(ReadHostsLines(AbsolutePath(settings, "hosts_file"), holds));
}

void AddHostFiles(const tls::HostsFile& hosts, const FileSettings& settings, const ServerPlace& place,
                  FilesRead& result) {
  std::set<std::pair<std::string, std::string>> files;  // role, path
  for (const tls::HostEntry& entry : hosts.entries) {
    files.emplace("server", entry.certificate);
    if (!entry.ca.empty()) files.emplace("ca", entry.ca);
  }
  for (const auto& [role, name] : files) {
    const std::string path = InDataDirectory(settings, name);
    if (place.Holds(path)) {
      result.files.push_back(ReportOn(role, path));
    } else {
      result.incomplete.push_back({"files", "other_file_system"});
    }
  }
}

FilesRead ReadPoolerFiles(const settings::PoolerSettings& settings, const ServerPlace& place) {
  FilesRead result;
  const auto read = [&](std::string_view setting, const char* role) {
    const std::string path(settings.Get(setting));
    if (path.empty()) return;
    if (!path.starts_with('/')) {  // it belongs to the directory that the pooler was started in
      result.incomplete.push_back({"files", "relative_path", path});
    } else if (!place.Holds(path)) {
      result.incomplete.push_back({"files", "pooler_elsewhere"});
    } else {
      result.files.push_back(ReportOn(role, path));
    }
  };
  read("client_tls_cert_file", "server");
  read("client_tls_ca_file", "ca");
  const bool same = settings.Get("server_tls_ca_file") == settings.Get("client_tls_ca_file");
  if (!same) read("server_tls_ca_file", "ca");
  return result;
}

MatchedFiles FilesMatching(const std::vector<std::string>& patterns) {
  MatchedFiles result;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    glob_error.clear();
    const int status = glob(pattern.c_str(), GLOB_BRACE, NoteGlobError, &found);  // NOLINT(concurrency-mt-unsafe)
    const bool named = pattern.find_first_of("*?[") == std::string::npos;
    bool matched = false;
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      if (!named && IsNoFile(found.gl_pathv[i])) continue;
      matched = true;
      result.paths[found.gl_pathv[i]] |= named;
    }
    globfree(&found);
    std::string problem;
    if (glob_error) problem = ProblemOf(glob_error);
    if (problem.empty() && status != 0 && status != GLOB_NOMATCH) problem = "unreadable";
    if (!problem.empty()) {
      result.lost.push_back({pattern, problem, matched});
    } else if (!matched) {
      result.paths[pattern] = true;
    }
  }
  return result;
}

FilesRead ReadConfiguredFiles(const std::vector<std::string>& patterns, const std::string& pkcs12_password_file) {
  FilesRead result;
  const MatchedFiles found = FilesMatching(patterns);
  for (const auto& [pattern, problem, matched] : found.lost) {
    result.incomplete.push_back({"files", problem});
    if (!matched) result.files.push_back({.role = "extra", .path = pattern, .problem = problem});
  }
  std::optional<std::string> password;
  if (!pkcs12_password_file.empty()) {
    try {
      password = ReadPasswordFile(pkcs12_password_file);
    } catch (const std::exception&) {
      password.reset();  // shows as a PKCS#12 file that cannot be opened
    }
  }
  for (const auto& [path, named] : found.paths) {
    tls::FileReport report = ReportOn("extra", path, password);
    const bool key = report.problem == "no_certificate" && report.content.other_blocks > 0;
    if (named || !key) result.files.push_back(std::move(report));
  }
  return result;
}

}  // namespace pgtls::files
