#include "exporter/files/server_place.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/base/file.h"

namespace pgtls::files {
namespace {

constexpr const char* kElsewhere = "other_file_system";

// The lines of postmaster.pid; nullopt where this process may not read it.
std::optional<std::vector<std::string>> PidFile(const std::string& data_directory) {
  std::vector<std::string> lines;
  try {
    std::istringstream in(ReadFile(data_directory + "/postmaster.pid", 4096));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::permission_denied) return std::nullopt;
  } catch (const Error&) {
    lines.clear();
  }
  return lines;
}

// src/include/utils/pidfile.h: pid, data directory, start time, port, …
bool IsOf(const std::vector<std::string>& lines, const ServerTraits& traits) {
  if (lines.size() < 4) return false;
  const double started = std::strtod(lines[2].c_str(), nullptr);
  // The file's time is taken a moment before the server's own.
  constexpr double kSlowStart = 600;
  return lines[3] == traits.port && started <= traits.start_time + 2 && started >= traits.start_time - kSlowStart;
}

// Where the part of a file system below `path` comes from: "device root mount-point" of the mount that covers it.
std::optional<std::string> MountOf(const std::string& process, const std::string& path) {
  std::ifstream in("/proc/" + process + "/mountinfo");
  std::optional<std::string> best;
  std::size_t longest = 0;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    words >> id >> parent >> device >> root >> point;
    const bool covers = point == "/" || path == point || path.starts_with(point + "/");
    if (!covers || point.size() < longest) continue;
    longest = point.size();
    best = device + " " + root + " " + point;
  }
  return best;
}

bool IsBelow(const std::string& path, const std::string& directory) { return path.starts_with(directory + "/"); }

}  // namespace

ServerPlace ServerPlace::Find(const ServerTraits& traits) {
  ServerPlace place;
  place.data_directory_ = traits.data_directory;
  if (traits.data_directory.empty()) {
    place.problem_ = ToString(FailureReason::kInsufficientPrivilege);
    return place;
  }
  const auto lines = PidFile(traits.data_directory);
  if (lines && !IsOf(*lines, traits)) {
    place.problem_ = kElsewhere;
    return place;
  }
  const bool same_pids = traits.listener_pid != 0;  // over TCP the configuration declares that it is this machine
  if (!lines && !same_pids) {
    place.problem_ = kElsewhere;
    return place;
  }
  place.shared_root_ = same_pids;
  if (!same_pids) return place;
  pid_t pid = traits.listener_pid.value_or(0);
  if (!traits.listener_pid && lines) {
    const std::string& first = lines->front();
    std::from_chars(first.data(), first.data() + first.size(), pid);  // stays 0 if it is no number
  }
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  if (pid > 0 && comm >> name && (name == "postgres" || name == "postmaster")) place.postmaster_ = pid;
  return place;
}

ServerPlace ServerPlace::OfProcess(pid_t process) {
  ServerPlace place;
  place.shared_root_ = true;
  place.postmaster_ = process;
  return place;
}

bool ServerPlace::Holds(const std::string& path) const {
  if (!data_directory_.empty() && IsBelow(path, data_directory_)) return true;
  if (!shared_root_ || postmaster_ == 0) return shared_root_;
  std::error_code ignored;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, ignored);
  for (const std::string& one : {path, real.string()}) {
    const auto theirs = MountOf(std::to_string(postmaster_), one);
    if (theirs && theirs != MountOf("self", one)) return false;
  }
  return true;
}

}  // namespace pgtls::files
